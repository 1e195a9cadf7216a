//! Connections made before they are needed.

use certwright_engine::clock::Clock;
use certwright_engine::machine::{Input, Outcome};
use certwright_engine::plan::TaskId;

use crate::kinds::registry;
use crate::life::{Life, virtually};
use crate::plans::{plan, step};
use crate::ran::go_on;
use crate::random::Random;
use crate::world::World;

#[test]
fn the_host_of_the_next_task_is_connected_to_once_while_the_tasks_before_it_work() {
    virtually(async {
        // s0 on h0, then s0 and s1 on h1; connecting fails, which is nobody's business.
        let mut plan = plan(2, vec![step(0, "set"), step(1, "set")]);
        plan.tasks.remove(1);
        plan.tasks[1].after = vec![TaskId(0)];
        plan.tasks[2].after = vec![TaskId(0), TaskId(1)];
        let world = World::new(&plan, 0, Random(5));
        world.state().values.clear();
        let mut life = Life::new(&plan, &Clock::virtual_from(0));
        let ran = go_on(&mut life, &plan, &registry(), &world, Input::Tick, &[]).await;
        assert_eq!(ran.result.as_ref().unwrap(), &Outcome::Changed);
        let calls = world.state().calls.clone();
        let at =
            |call: &str| calls.iter().position(|c| c == call).unwrap_or_else(|| panic!("{call}: {calls:?}"));
        assert!(at("connect h1") < at("read h1/s0"), "{calls:?}");
        assert_eq!(calls.iter().filter(|c| c.starts_with("connect")).count(), 1, "{calls:?}");
    });
}
