//! A set of tasks, ordered by id, whose every operation costs a handful of words however large the plan.
//!
//! A tree of 64-bit words: bit i of a word says whether word i of the level below has any bit set. Six levels
//! hold every `u32`; a plan of 262,144 tasks needs three. Equal sets are equal words, whatever their history.

use crate::plan::TaskId;

const BITS: usize = 64;
const MAX_LEVELS: usize = 6;

/// Task ids below a bound that is fixed when the set is made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TaskSet {
    words: Vec<u64>,
    /// Where each level begins in `words`, the members themselves first; `starts[depth]` is the end.
    starts: [u32; MAX_LEVELS + 1],
    depth: u8,
    len: u32,
}

impl TaskSet {
    /// The empty set over the ids `0..bound`.
    pub(super) fn new(bound: usize) -> Self {
        let (mut starts, mut depth, mut end, mut width) = ([0; MAX_LEVELS + 1], 0, 0, bound);
        loop {
            width = width.div_ceil(BITS).max(1);
            end += width;
            depth += 1;
            starts[depth] = u32::try_from(end).expect("a plan has less than 2^32 tasks");
            if width == 1 {
                break;
            }
        }
        let depth = u8::try_from(depth).expect("at most six levels");
        Self { words: vec![0; end], starts, depth, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn contains(&self, task: TaskId) -> bool {
        let id = task.0 as usize;
        self.words[id / BITS] >> (id % BITS) & 1 == 1
    }

    /// Adds a task; does nothing when it is there.
    pub(super) fn insert(&mut self, task: TaskId) {
        if self.contains(task) {
            return;
        }
        self.len += 1;
        let mut at = task.0 as usize;
        for level in 0..self.depth as usize {
            let word = &mut self.words[self.starts[level] as usize + at / BITS];
            let was_empty = *word == 0;
            *word |= 1 << (at % BITS);
            if !was_empty {
                return;
            }
            at /= BITS;
        }
    }

    /// Takes a task out; does nothing when it is not there.
    pub(super) fn remove(&mut self, task: TaskId) {
        if !self.contains(task) {
            return;
        }
        self.len -= 1;
        let mut at = task.0 as usize;
        for level in 0..self.depth as usize {
            let word = &mut self.words[self.starts[level] as usize + at / BITS];
            *word &= !(1 << (at % BITS));
            if *word != 0 {
                return;
            }
            at /= BITS;
        }
    }

    /// The member with the highest id.
    pub(super) fn last(&self) -> Option<TaskId> {
        if self.is_empty() {
            return None;
        }
        let mut at = 0;
        for level in (0..self.depth as usize).rev() {
            let word = self.words[self.starts[level] as usize + at];
            at = at * BITS + (BITS - 1 - word.leading_zeros() as usize);
        }
        Some(id(at))
    }

    /// The lowest member whose id is not below `from`.
    fn at_or_after(&self, from: usize) -> Option<TaskId> {
        let mut at = from;
        for level in 0..self.depth as usize {
            let index = self.starts[level] as usize + at / BITS;
            if index >= self.starts[level + 1] as usize {
                return None;
            }
            let word = self.words[index] >> (at % BITS);
            if word != 0 {
                at += word.trailing_zeros() as usize;
                for below in (0..level).rev() {
                    let word = self.words[self.starts[below] as usize + at];
                    at = at * BITS + word.trailing_zeros() as usize;
                }
                return Some(id(at));
            }
            at = at / BITS + 1;
        }
        None
    }

    /// All members in the order of their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = TaskId> {
        std::iter::successors(self.at_or_after(0), |task| self.at_or_after(task.0 as usize + 1))
    }
}

fn id(at: usize) -> TaskId {
    TaskId(u32::try_from(at).expect("members come from 32-bit ids"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_agrees_with_a_btree_set_at_every_size_around_a_level() {
        for bound in [0, 1, 63, 64, 65, 4095, 4096, 4097, 300_000] {
            let (mut set, mut model, mut x) = (TaskSet::new(bound), BTreeSet::new(), 1_u64);
            for _ in 0..if bound == 0 { 0 } else { 3_000 } {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let task = id((x >> 33) as usize % bound);
                if x >> 63 == 0 {
                    set.insert(task);
                    model.insert(task);
                } else {
                    set.remove(task);
                    model.remove(&task);
                }
                assert_eq!(set.contains(task), model.contains(&task));
                assert_eq!(set.last(), model.last().copied());
            }
            assert_eq!(set.len(), model.len());
            assert!(set.iter().eq(model.iter().copied()), "bound {bound}");
            for task in model {
                set.remove(task);
            }
            assert_eq!(set, TaskSet::new(bound), "an emptied set is as a new one");
        }
    }
}
