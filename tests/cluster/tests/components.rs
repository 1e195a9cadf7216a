//! Our components as processes, on loopback, with a real etcd and the real kubectl. No root.

#[path = "components/ask.rs"]
mod ask;
#[path = "components/ground.rs"]
mod ground;
#[path = "components/mint.rs"]
mod mint;

#[path = "components/api.rs"]
mod api;
#[path = "components/balancer.rs"]
mod balancer;
#[path = "components/controllers.rs"]
mod controllers;
#[path = "components/load.rs"]
mod load;
#[path = "components/scale.rs"]
mod scale;
