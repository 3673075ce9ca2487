"""The commands, one file a group: parse the words, call the library, print the result."""
