"""The gated activation of SwiGLU."""
