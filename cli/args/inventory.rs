//! The command line of `inventory`: three sources, and what they may not know.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Arguments of `inventory`.
#[derive(Debug, Args)]
pub(crate) struct InventoryArgs {
    #[command(subcommand)]
    pub(crate) source: SourceArgs,
}

/// Where an inventory comes from.
#[derive(Debug, Subcommand)]
pub(crate) enum SourceArgs {
    /// From the configuration that bmctl made a cluster of (admin, user, hybrid or standalone)
    #[command(name = "from-bmctl")]
    Bmctl {
        /// bmctl-workspace/CLUSTER/CLUSTER.yaml
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        facts: FactArgs,
    },
    /// From the control-plane nodes that kubectl lists
    #[command(name = "from-nodes")]
    Nodes {
        #[command(flatten)]
        facts: FactArgs,
    },
    /// From an Ansible inventory (INI or YAML)
    #[command(name = "from-ansible")]
    Ansible {
        /// The inventory; YAML where its name ends in .yml, .yaml or .json
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The group of the control plane's hosts [default: the first of the usual names]
        #[arg(long, value_name = "GROUP")]
        group: Option<String>,
        #[command(flatten)]
        facts: FactArgs,
    },
}

/// What a source may not say of a cluster, and where the inventory goes.
#[derive(Debug, Args)]
pub(crate) struct FactArgs {
    /// Write it to this file, or add to it what it lacks: nothing that is there is changed [default: print it]
    #[arg(long, value_name = "FILE")]
    pub(crate) into: Option<PathBuf>,
    /// The cluster's name
    #[arg(long, value_name = "NAME")]
    pub(crate) cluster: Option<String>,
    /// The namespace of its secrets in the admin cluster [default: cluster-NAME]
    #[arg(long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// Its kubeconfig on this machine; from-nodes asks with it [default for from-nodes: $KUBECONFIG, else ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<String>,
    /// The admin cluster's kubeconfig, of a user cluster
    #[arg(long, value_name = "FILE")]
    pub(crate) admin_kubeconfig: Option<String>,
    /// The login on the hosts
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// The private key's file
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Option<String>,
}
