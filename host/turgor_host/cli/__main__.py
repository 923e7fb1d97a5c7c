"""`python -m turgor_host.cli`: the command `turgor` where no script is installed."""

from turgor_host.cli import main

main()
