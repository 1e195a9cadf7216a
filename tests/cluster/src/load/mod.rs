//! A client that measures what a cluster loses while something is done to it.
