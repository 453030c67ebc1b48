# Debian packages that gurnard needs; sourced by deploy/quickstart.sh and tests/run.sh.

GN_BUILD_PACKAGES="build-essential cmake ninja-build pkg-config libmicrohttpd-dev \
libcurl4-openssl-dev libjansson-dev uuid-dev libyaml-dev uthash-dev zlib1g-dev"
GN_TEST_PACKAGES="libcmocka-dev python3 python3-pytest prometheus clang libclang-rt-14-dev \
clang-format curl git mandoc faketime"

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
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update &&
        $as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get -qq -y -o Dpkg::Use-Pty=0 install --no-install-recommends $missing >/dev/null
}
