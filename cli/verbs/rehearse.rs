//! `rehearse`: the same plan, engine and kinds on simulated nodes, in virtual time.
