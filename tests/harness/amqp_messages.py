"""Messages of AMQP 1.0 that hold CloudEvents: made, and taken apart down to their sections."""
import json
import uuid

from proton import Data, Message, timestamp

HEADER, PROPERTIES, APPLICATION_PROPERTIES, DATA, VALUE = 0x70, 0x73, 0x74, 0x75, 0x77


def encoded(message):
    return message if isinstance(message, bytes) else message.encode()


def attribute(message, name):
    """A CloudEvents attribute of a message in binary mode, whatever the prefix."""
    properties = message.properties or {}
    return properties.get("cloudEvents:" + name, properties.get("cloudEvents_" + name))


def sections(raw):
    """The sections of an encoded message: {descriptor: value}, data sections as a list."""
    found, data = {}, Data()
    while raw:
        size = data.decode(raw)
        data.rewind()
        data.next()
        described = data.get_object()
        if described.descriptor == 0x75:
            found.setdefault(0x75, []).append(bytes(described.value))
        else:
            found[int(described.descriptor)] = described.value
        data.clear()
        raw = raw[size:]
    return found


def cne_message(resource, number=1, event_id=None, prefix="cloudEvents:", data=None,
                kind="event.test", **attributes):
    """An event as cloud-event-proxy 1 sends it."""
    if data is None:
        data = {"version": "v1", "values": [{
            "resource": "/redfish/v1/Systems", "dataType": "notification",
            "valueType": "enumeration", "value": f"S{number}"}]}
    named = {"specversion": "0.3", "id": event_id or str(uuid.uuid4()), "type": kind,
             "source": resource, "subject": resource, "time": timestamp(1793880000500),
             **attributes}
    return Message(properties={prefix + k: v for k, v in named.items()}, inferred=True,
                   content_type="application/json", body=json.dumps(data).encode())


def structured_message(resource, number=1, event_id=None):
    event = {"specversion": "1.0", "id": event_id or str(uuid.uuid4()), "type": "event.test",
             "source": resource, "data": {"version": "v1", "values": [{
                 "resource": "/redfish/v1/Systems", "dataType": "notification",
                 "valueType": "enumeration", "value": f"S{number}"}]}}
    return Message(content_type="application/cloudevents+json", inferred=True,
                   body=json.dumps(event).encode())
