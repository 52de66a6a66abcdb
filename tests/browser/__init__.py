"""The pages in a real browser: Debian's chromium, driven by playwright. None of these tests opens a database in this process."""
