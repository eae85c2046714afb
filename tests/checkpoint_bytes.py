"""Model files taken apart and put together again, for tests of what a reader must refuse."""

import hashlib
import json
import struct

from tinysight.checkpoint.int8_arrays import integer_entries
from tinysight.spec import Spec


def parts(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + size]), bytearray(data[8 + size :])


def rebuild(path, header, body):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def sealed(path, header, body):
    """Write a file whose hash fits whatever its arrays are, as whoever makes a hostile one would."""
    fields = json.loads(header["__metadata__"]["tinysight"])
    names = {"F32": "float32", "I16": "int16", "I8": "int8"}
    digest = hashlib.sha256()
    spec = Spec(**json.loads(fields["card"])["spec"])
    for name in integer_entries(spec, len(json.loads(fields["card"])["probes"])):
        entry = header[name]
        begin, end = entry["data_offsets"]
        digest.update(f"{name} {names[entry['dtype']]} {'x'.join(map(str, entry['shape']))}\n".encode())
        digest.update(body[begin:end])
    fields["sha256"] = hashlib.sha256(f"{fields['card']}\n{digest.hexdigest()}\n".encode()).hexdigest()
    rebuild(path, header | {"__metadata__": {"tinysight": json.dumps(fields)}}, body)
