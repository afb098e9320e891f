#!/usr/bin/python3
"""Writes seeds for the targets of fuzz_proto.c, as seeds.py does: industrial protocols, remote procedure calls, keys.

usage: seeds_binary.py [FOLDER]      default: corpus/ beside this file
"""
from seeds import pieces, save

CLIENT, SERVER = 0, 1


def modbus():
    def message(number, text):
        body = bytes.fromhex(text)
        return number.to_bytes(2, 'big') + b'\0\0' + len(body).to_bytes(2, 'big') + body
    asked = ['0a0100000009', '0a050010ff00', '0a100001000102636 4'.replace(' ', ''), '0a0800040000', '0a2b0e0100',
             '0a16000100f20025', '0a1700030002000e000102 6162'.replace(' ', ''), '0a64']
    told = ['0a01024142', '0a050010ff00', '0a1000010001', '0a8801', '0a2b0e01', '0a16000100f20025', '0a17040001 0002'.replace(' ', ''),
            '0a64']
    save('modbus', 'functions', pieces([p for n, (a, b) in enumerate(zip(asked, told))
                                        for p in ((CLIENT, message(n, a)), (SERVER, message(n, b)))], 0))
    save('modbus', 'hole', pieces([(CLIENT, message(1, asked[0]))], 0) + b'\x05\x10' +
         pieces([(CLIENT, message(2, asked[0]))], 0)[1:])


def main():
    modbus()


if __name__ == '__main__':
    main()
