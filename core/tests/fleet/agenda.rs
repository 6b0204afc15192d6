//! What is to be done, by time. The queue itself holds but time and place, so that little is moved.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::provider::Millis;

pub(crate) struct Agenda<T> {
    queue: BinaryHeap<Reverse<u64>>,
    places: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Agenda<T> {
    pub(crate) fn new() -> Self {
        Self { queue: BinaryHeap::new(), places: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn add(&mut self, time: Millis, item: T) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.places[place] = Some(item);
        self.queue.push(Reverse(time << 32 | place as u64));
    }

    pub(crate) fn next(&mut self) -> Option<(T, Millis)> {
        let Reverse(next) = self.queue.pop()?;
        let place = (next & u64::from(u32::MAX)) as usize;
        self.free.push(place);
        self.places[place].take().map(|item| (item, next >> 32))
    }
}
