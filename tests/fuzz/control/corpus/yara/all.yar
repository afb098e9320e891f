import "hash"
private rule a : t { meta: md5 = "0123456789abcdef0123456789abcdef" /* c */
 strings: $a = "x\"}" $b = /a\/{2}}/i $c = { 4D [2] // }
 5A } condition: not (filesize < 10KB and hash.md5(0, filesize) == "0123456789abcdef0123456789abcdef") or for any i in (1..#a) : (@a[i] < 3) }
global rule g { condition: 0x3e8 == filesize and filename matches /x/ }
