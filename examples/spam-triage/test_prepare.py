#!/usr/bin/env python3
"""Tests of prepare.py on mails that were written for this: `python3 test_prepare.py`."""

import unittest

import prepare

PLAIN = """From anna@example.org  Mon Aug 26 10:00:00 2002
Subject: =?iso-8859-1?Q?Caf=E9?= on Friday
Content-Type: text/plain

See you   there
at noon.
"""

PAGE = """Subject: Re: [club] WIN
Content-Type: text/html
Content-Transfer-Encoding: quoted-printable

<html><head><title>x</title><style>p {color: red}</style><body><p>You have won a pri=
ze &amp; more</p></body></html>
"""

BOTH = """Subject: both
Content-Type: multipart/alternative; boundary="b"

--b
Content-Type: text/html

<p>page</p>
--b
Content-Type: text/plain; charset=nonsense
Content-Transfer-Encoding: base64

cGxhaW4gdGV4dA==
--b--
"""


def mail(number, group, words):
    subject = f"{words} {number * 7919}"
    return (f"{group}-{number}", group, f"Subject: {subject}\n\n{words} number {number * 104729} of many others\n")


class Parsing(unittest.TestCase):
    def test_headers_are_decoded_and_white_space_is_single(self):
        self.assertEqual(prepare.parse(PLAIN), ("Café on Friday", "See you there at noon."))

    def test_a_page_is_what_its_reader_sees(self):
        self.assertEqual(prepare.parse(PAGE), ("Re: [club] WIN", "You have won a prize & more"))

    def test_plain_text_goes_before_a_page_and_a_wrong_charset_is_survived(self):
        self.assertEqual(prepare.parse(BOTH), ("both", "plain text"))

    def test_a_long_body_is_cut(self):
        _, body = prepare.parse("Subject: long\n\n" + "word " * 1000)
        self.assertLessEqual(len(body), prepare.BODY)

    def test_replies_and_lists_are_one_thread(self):
        for subject in ("Re: [club] Friday", "FW: Friday", "[club] Re: Re[2]: Friday", "Friday (fwd)"):
            self.assertEqual(prepare.thread(subject), "friday", subject)


class Choosing(unittest.TestCase):
    def test_threads_and_near_copies_are_taken_once(self):
        once = mail(1, "easy-ham-1", "a walk along the harbour wall")
        copy = ("spam-1-9", "spam-1", once[2].replace("Subject: ", "Subject: Re: "))
        near = ("spam-1-8", "spam-1", "Subject: other\n\n" + "the very same advertisement again and again " * 5)
        nearly = ("spam-2-8", "spam-2", "Subject: others\n\n" + "the very same advertisement again and again " * 5)
        far = [mail(n, "easy-ham-2", words) for n, words in enumerate(("blue kettles in winter", "violin for sale"), 50)]
        chosen, dropped = prepare.choose([once, copy, near, nearly, *far], 1)
        self.assertEqual({label: len(items) for label, items in chosen.items()}, {"spam": 1, "ham": 1})
        with self.assertRaises(SystemExit):
            prepare.choose([near, nearly, *far], 2)
        self.assertEqual(set(dropped), {"empty", "thread", "copy"})

    def test_splits_share_nothing_and_are_half_spam(self):
        items = {
            label: [{"id": f"{label}-{n}", "expected": label} for n in range(sum(prepare.SIZES.values()))]
            for label in ("spam", "ham")
        }
        splits = prepare.split(items)
        self.assertEqual([len(splits[name]) for name in ("train", "dev", "test")], [400, 200, 200])
        ids = [item["id"] for split in splits.values() for item in split]
        self.assertEqual(len(set(ids)), len(ids))
        for split in splits.values():
            self.assertEqual(sum(item["expected"] == "spam" for item in split) * 2, len(split))

    def test_similarity_is_that_of_character_runs(self):
        runs = prepare.runs_of
        self.assertEqual(prepare.similarity(runs("Don't panic!"), runs("dont PANIC")), 1.0)
        self.assertLess(prepare.similarity(runs("a walk in the park"), runs("a walk on the beach")), 0.7)


if __name__ == "__main__":
    unittest.main()
