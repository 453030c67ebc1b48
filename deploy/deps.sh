# Debian packages that gurnard needs; sourced by deploy/quickstart.sh and tests/run.sh.

GN_BUILD_PACKAGES="build-essential cmake ninja-build pkg-config libmicrohttpd-dev \
libcurl4-openssl-dev libssl-dev libjansson-dev uuid-dev libyaml-dev uthash-dev zlib1g-dev \
libqpid-proton11-dev"
GN_TEST_PACKAGES="libcmocka-dev python3 python3-pytest prometheus clang libclang-rt-14-dev \
clang-format curl git mandoc faketime python3-prometheus-client python3-jsonschema openssl \
rabbitmq-server libqpid-proton11-dev-examples python3-qpid-proton redfishtool python3-sushy"

# need_packages PACKAGE...: installs those that are missing, as root or with sudo.
need_packages() {
    local missing="" package as_root=""
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
            missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    echo "installing:$missing"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || { echo "run as root, or install sudo" >&2; return 1; }
        as_root="sudo"
    fi
    # Debian asks policy-rc.d whether a package may start its service: none shall, and where there is
    # no init to do it (containers), the installation of some would fail over it.
    $as_root env DEBIAN_FRONTEND=noninteractive sh -ec '
        policy=/usr/sbin/policy-rc.d
        if [ ! -e $policy ]; then
            trap "rm -f $policy" EXIT
            trap "exit 1" HUP INT TERM
            printf "#!/bin/sh\nexit 101\n" >$policy
            chmod 755 $policy
        fi
        apt-get -qq update
        apt-get -qq -y -o Dpkg::Use-Pty=0 install --no-install-recommends "$@" >/dev/null
    ' sh $missing
}

# need_npm: installs npm with Node.js, unless both are there. Debian's npm is 350 small packages and
# conflicts with a Node.js from elsewhere, which has an npm of its own; so it is no fixed package.
need_npm() {
    command -v node >/dev/null && command -v npm >/dev/null || need_packages npm
}

# need_node_modules DIR SOURCE: installs what SOURCE/package-lock.json names into DIR, once. Where
# it comes from is up to npm's own settings; the lock holds versions and checksums.
need_node_modules() {
    need_npm || return 1
    cmp -s "$2/package-lock.json" "$1/installed" && return 0
    mkdir -p "$1" && rm -f "$1/installed" "$1/npm.log" &&
        cp "$2/package.json" "$2/package-lock.json" "$1" &&
        npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --no-update-notifier \
            --loglevel=error >"$1/npm.log" 2>&1 &&
        cp "$1/package-lock.json" "$1/installed" && return 0
    echo "npm could not install what $2/package.json names:" >&2
    [ ! -f "$1/npm.log" ] || head -n 6 "$1/npm.log" >&2
    return 1
}
