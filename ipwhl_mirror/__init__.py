"""Mirror IPWHL releases on your own IPFS node: see, choose, pin, verify."""

__version__ = "0.1.0"
