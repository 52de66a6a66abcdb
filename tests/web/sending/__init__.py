"""A small site that sends layouts over files of a folder, for tests of what no client of the product can bring about."""
