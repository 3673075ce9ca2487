"""Photos and limits -> better settings: a search over trainings, in a database that processes may share."""
