"""The user's own module turned into a homotopy: layers between equivariant and free, followed through the network."""
