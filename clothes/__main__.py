"""python -m clothes."""

from clothes.cli import main

if __name__ == "__main__":
    main()
