"""What the program may send to a terminal: exactly these sequences, and nothing else that is no text."""

from __future__ import annotations

import re

# what the program itself may send: cursor, colours, modes, queries, the shape of the pointer
CSI = re.compile(rb"\x1b\[[?<>=]?[0-9;:]*\$?[ABCDHJKfhlmnprsu]")
OSC = re.compile(rb"\x1b\]22;[a-z-]*(?:\x07|\x1b\\)")
# the title that was there is kept, ours is set, that one is put back
TITLE = re.compile(rb"\x1b\[2[23];0t|\x1b\]2;ipwhl-mirror(?:: [A-Z][a-z ]+(?:, [0-9]+ %)?)?\x1b\\")
# what is being written is seen at any moment
BEGUN = re.compile(rb"\x1b(?:\[[?<>=]?[0-9;:]*\$?|\][0-9a-z;-]*\x1b?)?\Z")


def foreign_sequences(written: bytes) -> list[bytes]:
    """Whatever was sent to the terminal that the program itself has no reason to send."""
    left = BEGUN.sub(b"", TITLE.sub(b"", OSC.sub(b"", CSI.sub(b"", written))))
    text = left.decode("utf-8", "replace")
    return [
        character.encode()
        for character in text
        if (ord(character) < 0x20 and character not in "\r\n")
        or 0x7F <= ord(character) < 0xA0
        or character in "\u202e\u200b\u200d"
    ]
