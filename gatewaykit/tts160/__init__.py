"""The TTS-160 telescope mount: tables, the line, the service."""
