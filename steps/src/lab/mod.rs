//! Simulated control-plane nodes: real files, real certificates, and programs that behave like the real ones.
