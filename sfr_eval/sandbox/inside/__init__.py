"""What runs inside the sandbox: standard library only, since the package is not there."""
