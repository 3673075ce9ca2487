"""python -m clothes."""

from clothes.cli.main import main

if __name__ == "__main__":
    main()
