#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""seeds.py DIR: writes a corpus of ordinary sessions for fuzz_stream to begin with."""
import os
import sys

SYN, SYNACK, ACK, PSH, FIN, RST, RSTACK, URG = range(8)


def op(d, flags, seq=0, ack=0, length=0, window=255, options=0, last=0, hold=0):
    return bytes([d | hold << 3, flags, seq & 255, ack & 255, length, window, options, last])


OPEN = op(0, SYN) + op(1, SYNACK) + op(0, ACK)
CLOSE = op(0, FIN) + op(1, FIN) + op(0, ACK)
SESSIONS = {
    'plain': OPEN + op(0, PSH, length=50) + op(1, ACK) + op(1, PSH, length=200) + CLOSE,
    'order': OPEN + op(0, PSH, seq=50, length=50, hold=1) + op(0, PSH, length=50) + op(1, ACK) + CLOSE,
    'hole': OPEN + op(0, PSH, seq=20, length=10) + op(1, ACK) + CLOSE,
    'overlap': OPEN + op(0, PSH, seq=20, length=10, options=0x20, last=1, hold=1) +
               op(0, PSH, seq=15, length=10, options=0x20, last=2, hold=1) + op(0, PSH, length=30) + CLOSE,
    'reset': OPEN + op(0, PSH, length=9) + op(1, RSTACK),
    'md5': OPEN + op(0, RST, options=8) + op(0, PSH, length=5),
    'urgent': OPEN + op(0, URG, length=20, last=5) + CLOSE,
    'stamps': op(0, SYN, options=1, last=9) + op(1, SYNACK, options=1, last=9) +
              op(0, ACK, options=1, last=10) + op(0, PSH, length=5, options=1, last=3),
    'again': OPEN + CLOSE + op(0, SYN, seq=100) + op(1, SYNACK) + op(0, ACK),
    'fastopen': op(0, SYN, length=20, options=4) + op(1, SYNACK, ack=20),
    'fourway': op(0, SYN) + op(1, SYN) + op(0, SYNACK, seq=255) + op(1, ACK),
    'other': OPEN + bytes([0xf0, 0, 200, 9, 0, 0, 0, 0]) + bytes([0xf0, 1, 3, 0, 0, 0, 0, 0]) + OPEN,
}


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    for name, ops in SESSIONS.items():
        for config in (0, 1, 2, 3, 4, 5, 6, 0x40, 0x80):
            with open(os.path.join(sys.argv[1], '%s-%d' % (name, config)), 'wb') as f:
                f.write(bytes([config]) + ops)


if __name__ == '__main__':
    main()
