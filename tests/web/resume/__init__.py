"""Downloads that go on: any window, from any process, after any interruption, and never a wrong package that looks complete."""
