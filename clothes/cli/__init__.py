"""The command line: words -> calls of the library, results -> text. The only room that prints or exits."""
