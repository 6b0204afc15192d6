//! What the provider remembers by a drawn key: bounded, the oldest is forgotten first.

use std::collections::{BTreeMap, VecDeque};

pub(crate) struct Store<V> {
    values: BTreeMap<String, V>,
    order: VecDeque<String>,
}

impl<V> Store<V> {
    pub(crate) fn new() -> Self {
        Store { values: BTreeMap::new(), order: VecDeque::new() }
    }

    pub(crate) fn insert(&mut self, key: String, value: V) {
        if self.order.len() >= CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.values.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.values.insert(key, value);
    }

    pub(crate) fn get(&self, key: &str) -> Option<&V> {
        self.values.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        self.values.get_mut(key)
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<V> {
        self.values.remove(key)
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&V) -> bool) {
        self.values.retain(|_, value| keep(value));
    }

    pub(crate) fn find(&self, wanted: impl Fn(&V) -> bool) -> Option<&str> {
        self.values.iter().find(|(_, value)| wanted(value)).map(|(key, _)| key.as_str())
    }
}

const CAPACITY: usize = 10_000;
