//! The number of files that one script is about.

use std::iter::Peekable;

/// Files up to this size travel together, in bytes.
pub(crate) const SMALL: u64 = 256 * 1024;

/// The most names that one script is given.
const NAMES: usize = 1000;

/// The most bytes that these names may have: they are arguments.
const NAME_BYTES: usize = 48 * 1024;

/// The most content of the small files that travel together, in bytes: what is under way when a copy is
/// interrupted is sent again.
const CONTENT: u64 = 4 * 1024 * 1024;

/// Takes so many things that one script can be about them. Each has the length of its name and the size of
/// what travels for it. Nothing is left when there is no more.
pub(crate) fn next<T>(
    things: &mut Peekable<impl Iterator<Item = T>>,
    weight: impl Fn(&T) -> (usize, u64),
) -> Vec<T> {
    let (mut batch, mut names, mut content) = (Vec::new(), 0, 0);
    loop {
        let fits = |thing: &T| {
            let (name, size) = weight(thing);
            let room = names + name <= NAME_BYTES && content + size <= CONTENT;
            batch.is_empty() || (room && batch.len() < NAMES)
        };
        let Some(thing) = things.next_if(fits) else {
            return batch;
        };
        let (name, size) = weight(&thing);
        names += name;
        content += size;
        batch.push(thing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_holds_no_more_than_fits() {
        let sizes = |weights: Vec<(usize, u64)>| {
            let mut things = weights.into_iter().peekable();
            let mut sizes = Vec::new();
            loop {
                match next(&mut things, |weight| *weight).len() {
                    0 => return sizes,
                    size => sizes.push(size),
                }
            }
        };
        assert_eq!(sizes(vec![(10, 0); 1001]), [1000, 1]);
        assert_eq!(sizes(vec![(20_000, 0); 5]), [2, 2, 1]);
        assert_eq!(
            sizes(vec![(1, 3 << 20), (1, 3 << 20), (1, 9 << 20)]),
            [1, 1, 1]
        );
        assert!(sizes(Vec::new()).is_empty());
    }
}
