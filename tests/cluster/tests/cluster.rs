//! The whole product on the test cluster: real sshd, sudo, etcd and kubectl, and everything between them. Needs root.
