"""What IIIF documents say: presentation manifests 2 and 3, and the addresses of the Image API 1, 2 and 3."""
