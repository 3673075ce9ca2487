"""A classifier -> web pages: predict, collect by camera, review corrections."""
