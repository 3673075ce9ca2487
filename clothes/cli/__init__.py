"""Words on the command line -> calls of the library; results -> words. The only room that prints or exits."""
