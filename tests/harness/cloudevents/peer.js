// The CloudEvents SDK for JavaScript as a peer of gurnardd. It serves HTTP on a port of the
// kernel's choice, reads each POST with the SDK and tells on stdout what it has read; and it sends
// what it is told on stdin, encoded by the SDK. One JSON object a line in both directions; it ends
// when stdin does.
"use strict";
const http = require("http");
const readline = require("readline");
const { CloudEvent, HTTP } = require("cloudevents");
const bigJson = require("json-bigint");

// What the SDK itself does at the first JSON that it reads under CE_USE_BIG_INT=true; done here, it
// holds for what is sent before that too.
globalThis.JSON = bigJson({ useNativeBigInt: true });

const BATCH = "application/cloudevents-batch+json";

function tell(object) {
    process.stdout.write(JSON.stringify(object) + "\n");
}

// ---- reading ----

// The message as an application hands it to the SDK: text as a string, all else as bytes.
function message(headers, body) {
    const type = headers["content-type"] || "";
    const isText = /json|^text\//.test(type);
    const known = { ...headers };

    if (type === "application/json" && !("ce-specversion" in headers))
        known["content-type"] = "application/cloudevents+json"; // O-RAN does not say what it sends
    if (body.length === 0)
        return { headers: known };
    return { headers: known, body: isText ? body.toString() : new Uint8Array(body) };
}

function plain(event) {
    const { data, data_base64, ...rest } = event;

    return data_base64 === undefined ? { ...rest, data } : { ...rest, data_base64 };
}

function read(headers, body) {
    const events = [HTTP.toEvent(message(headers, body))].flat();

    for (const event of events)
        event.validate(); // against the SDK's schema; it has none for 0.3
    return events.map(plain);
}

function received(request, body) {
    const what = { path: request.url, headers: request.headers, body: body.toString("base64") };

    try {
        what.events = read(request.headers, body);
    } catch (error) {
        what.error = String(error);
    }
    return what;
}

const server = http.createServer((request, response) => {
    const parts = [];

    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
        const body = Buffer.concat(parts);

        response.writeHead(204).end();
        if (body.length > 0 || "ce-specversion" in request.headers)
            tell(received(request, body));
    });
});

// ---- sending ----

function made({ data_bytes, ...rest }) {
    if (data_bytes === undefined)
        return new CloudEvent(rest);
    return new CloudEvent({ ...rest, data: new Uint8Array(Buffer.from(data_bytes, "base64")) });
}

// Percent-encoding as the HTTP binding wants it of whoever writes headers; the SDK leaves it out.
function percentEncoded(headers) {
    const out = { ...headers };

    for (const name of Object.keys(out).filter((name) => name.startsWith("ce-")))
        out[name] = String(out[name]).replace(/[^!#$&-~]/gu, encodeURIComponent);
    return out;
}

function encoded({ mode, events, encode }) {
    if (mode === "batch")
        return { headers: { "content-type": BATCH }, body: JSON.stringify(events.map(made)) };
    const out = HTTP[mode](made(events[0]));
    return encode ? { ...out, headers: percentEncoded(out.headers) } : out;
}

function send(order) {
    const { headers, body } = encoded(order);
    const request = http.request(order.url, { method: "POST", headers }, (response) => {
        let text = "";

        response.setEncoding("utf8");
        response.on("data", (part) => (text += part));
        response.on("end", () => tell({ status: response.statusCode, text }));
    });

    request.on("error", (error) => tell({ failed: String(error) }));
    if (body !== undefined)
        request.write(body);
    request.end();
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
    try {
        send(JSON.parse(line));
    } catch (error) {
        tell({ failed: String(error) });
    }
}).on("close", () => process.exit(0));
server.listen(0, "127.0.0.1", () => tell({ port: server.address().port }));
