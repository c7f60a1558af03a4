"""The AMP endpoint: vocabulary, server and clients."""
