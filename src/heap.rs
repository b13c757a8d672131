//! The allocator of the package, a fifth of the code of a general one: nothing here is shared by threads, and whoever frees
//! says how much.
//!
//! | what is asked for | where it comes from |
//! |---|---|
//! | up to 512 bytes | a list of free blocks of just that size, in steps of 16; they never become anything else |
//! | more | the first free span that is long enough; neighbours that are free become one |
//!
//! Spans are few, since buffers are kept and grow where they lie, so that walking them in order of address costs little.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ptr::null_mut;

/// Every block begins at, and is as long as, a multiple of this: the strictest alignment that Rust asks for here.
const GRAIN: usize = 16;
/// The longest block of the lists.
const SMALL: usize = 512;
/// Small blocks are cut from spans of this length.
const SLAB: usize = 4096;

/// Where memory comes from.
pub trait Source {
    /// At least so many bytes more, aligned to 16 and nobody else's: address and length. None where there are no more.
    fn grow(bytes: usize) -> Option<(*mut u8, usize)>;
}

/// An allocator over what a source gives. For one thread.
pub struct Heap<S> {
    state: UnsafeCell<State>,
    source: PhantomData<S>,
}

// SAFETY: WebAssembly without shared memory has one thread; on other targets only tests make one, each for itself.
unsafe impl<S> Sync for Heap<S> {}

struct State {
    /// Free blocks by their length in grains.
    blocks: [*mut Block; SMALL / GRAIN + 1],
    /// What is left of the last slab.
    slab: *mut u8,
    slab_left: usize,
    /// Free spans in order of address.
    spans: *mut Span,
}

struct Block {
    next: *mut Block,
}

struct Span {
    next: *mut Span,
    length: usize,
}

impl<S: Source> Heap<S> {
    /// One that has nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        let blocks = [null_mut(); SMALL / GRAIN + 1];
        let state = State { blocks, slab: null_mut(), slab_left: 0, spans: null_mut() };
        Self { state: UnsafeCell::new(state), source: PhantomData }
    }
}

impl<S: Source> Default for Heap<S> {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: blocks are cut from what the source gave, never overlap while they are taken, and begin at multiples of `GRAIN`.
unsafe impl<S: Source> GlobalAlloc for Heap<S> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > GRAIN {
            return null_mut();
        }
        // SAFETY: one thread, and nothing below comes back here.
        unsafe { (*self.state.get()).take::<S>(grains(layout.size())) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: as above; the block was given for this layout.
        unsafe { (*self.state.get()).give(start, grains(layout.size())) }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (old, new) = (grains(layout.size()), grains(size));
        // SAFETY: as above; the new layout is valid because the caller promises so.
        unsafe {
            if old == new || (old > SMALL && new > old && (*self.state.get()).extend(start, old, new - old)) {
                return start;
            }
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(start, layout.size().min(size));
                self.dealloc(start, layout);
            }
            moved
        }
    }
}

/// Saturates at what no source gives.
fn grains(size: usize) -> usize {
    size.max(1).saturating_add(GRAIN - 1) & !(GRAIN - 1)
}

impl State {
    unsafe fn take<S: Source>(&mut self, length: usize) -> *mut u8 {
        // SAFETY: lists hold free memory of ours only.
        unsafe {
            if length > SMALL {
                return self.take_span::<S>(length);
            }
            let Some(list) = self.blocks.get_mut(length / GRAIN) else { return null_mut() };
            let block = *list;
            if !block.is_null() {
                *list = (*block).next;
                return block.cast();
            }
            self.cut::<S>(length)
        }
    }

    /// A small block that never was one.
    unsafe fn cut<S: Source>(&mut self, length: usize) -> *mut u8 {
        // SAFETY: what is left of the slab is ours and free.
        unsafe {
            if self.slab_left < length {
                let slab = self.take_span::<S>(SLAB);
                if slab.is_null() {
                    return slab;
                }
                if self.slab_left > 0 {
                    self.give(self.slab, self.slab_left);
                }
                (self.slab, self.slab_left) = (slab, SLAB);
            }
            let block = self.slab;
            self.slab = block.add(length);
            self.slab_left -= length;
            block
        }
    }

    unsafe fn give(&mut self, start: *mut u8, length: usize) {
        // SAFETY: the caller gives back what it has, which is at least a grain, long enough for a `Block` and a `Span`.
        unsafe {
            if length > SMALL {
                return self.give_span(start, length);
            }
            if let Some(list) = self.blocks.get_mut(length / GRAIN) {
                let block: *mut Block = start.cast();
                (*block).next = *list;
                *list = block;
            }
        }
    }

    unsafe fn take_span<S: Source>(&mut self, length: usize) -> *mut u8 {
        // SAFETY: as in `take`.
        unsafe {
            loop {
                let mut place = &raw mut self.spans;
                while !(*place).is_null() {
                    let span = *place;
                    if (*span).length >= length {
                        shorten(place, length);
                        return span.cast();
                    }
                    place = &raw mut (*span).next;
                }
                let Some((start, given)) = S::grow(length) else { return null_mut() };
                self.give_span(start, given);
            }
        }
    }

    /// Makes a taken span longer where what follows it is free.
    unsafe fn extend(&mut self, start: *mut u8, length: usize, more: usize) -> bool {
        // SAFETY: as in `take`; the end of a span may be compared, it is not looked at.
        unsafe {
            let end: *mut Span = start.add(length).cast();
            let mut place = &raw mut self.spans;
            while !(*place).is_null() && *place < end {
                place = &raw mut (**place).next;
            }
            let fits = *place == end && !end.is_null() && (*end).length >= more;
            if fits {
                shorten(place, more);
            }
            fits
        }
    }

    /// Puts a span in its place, and makes one of it and its neighbours.
    unsafe fn give_span(&mut self, start: *mut u8, mut length: usize) {
        // SAFETY: as in `give`.
        unsafe {
            let mut span: *mut Span = start.cast();
            let mut place = &raw mut self.spans;
            let mut before: *mut Span = null_mut();
            while !(*place).is_null() && *place < span {
                before = *place;
                place = &raw mut (*before).next;
            }
            let mut next = *place;
            if next.cast() == start.add(length) {
                length += (*next).length;
                next = (*next).next;
            }
            if !before.is_null() && before.cast::<u8>().add((*before).length) == start {
                length += (*before).length;
                span = before;
            } else {
                *place = span;
            }
            *span = Span { next, length };
        }
    }
}

/// Takes so many bytes off the beginning of the span at `place`.
unsafe fn shorten(place: *mut *mut Span, by: usize) {
    // SAFETY: the span is at least that long, and lengths are multiples of `GRAIN`, so that a rest has room for its head.
    unsafe {
        let span = *place;
        let Span { next, length } = span.read();
        *place = next;
        if length > by {
            let rest: *mut Span = span.cast::<u8>().add(by).cast();
            rest.write(Span { next, length: length - by });
            *place = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        static GROWN: Cell<usize> = const { Cell::new(0) };
    }

    /// Memory of the process, as WebAssembly gives it: in whole pages, which often follow one another and sometimes do not.
    struct Pages;

    impl Source for Pages {
        fn grow(bytes: usize) -> Option<(*mut u8, usize)> {
            let length = bytes.checked_next_multiple_of(65_536)?;
            GROWN.set(GROWN.get() + length);
            let layout = Layout::from_size_align(length, GRAIN).ok()?;
            // SAFETY: its length is not 0.
            let start = unsafe { std::alloc::alloc(layout) };
            (!start.is_null()).then_some((start, length))
        }
    }

    /// A block with the byte it was filled with.
    struct Taken {
        start: *mut u8,
        layout: Layout,
        fill: u8,
    }

    impl Taken {
        fn new(heap: &Heap<Pages>, layout: Layout, fill: u8) -> Self {
            // SAFETY: no layout here is of length 0.
            let start = unsafe { heap.alloc(layout) };
            assert!(!start.is_null() && start.addr().is_multiple_of(layout.align()));
            let taken = Self { start, layout, fill };
            taken.fill_from(0);
            taken
        }

        fn fill_from(&self, at: usize) {
            // SAFETY: the block is as long as its layout says.
            unsafe { self.start.add(at).write_bytes(self.fill, self.layout.size() - at) };
        }

        fn check(&self, length: usize) {
            // SAFETY: all of it was filled.
            let bytes = unsafe { core::slice::from_raw_parts(self.start, length) };
            assert!(bytes.iter().all(|byte| *byte == self.fill), "nobody else wrote into it");
        }

        fn resize(&mut self, heap: &Heap<Pages>, size: usize) {
            let kept = self.layout.size().min(size);
            // SAFETY: the block is of this heap and layout.
            self.start = unsafe { heap.realloc(self.start, self.layout, size) };
            self.layout = Layout::from_size_align(size, self.layout.align()).unwrap();
            self.check(kept);
            self.fill_from(kept);
        }

        fn free(self, heap: &Heap<Pages>) {
            self.check(self.layout.size());
            // SAFETY: the block is of this heap and layout, and is not used any more.
            unsafe { heap.dealloc(self.start, self.layout) };
        }
    }

    struct Random(u64);

    impl Random {
        fn below(&mut self, end: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (self.0 >> 33) as usize % end
        }

        fn size(&mut self) -> usize {
            let most = [16, 100, 600, 5_000, 100_000][self.below(5)];
            1 + self.below(most)
        }
    }

    #[test]
    fn blocks_are_aligned_never_overlap_and_keep_what_is_written() {
        let (heap, mut random, mut taken) = (Heap::<Pages>::new(), Random(7), Vec::new());
        for round in 0..20_000_u32 {
            match random.below(3) {
                0 if !taken.is_empty() => {
                    let at = random.below(taken.len());
                    let block: Taken = taken.swap_remove(at);
                    block.free(&heap);
                }
                1 if !taken.is_empty() => {
                    let (at, size) = (random.below(taken.len()), random.size());
                    taken[at].resize(&heap, size);
                }
                _ if taken.len() < 200 => {
                    let layout = Layout::from_size_align(random.size(), 1 << random.below(5)).unwrap();
                    taken.push(Taken::new(&heap, layout, round.to_le_bytes()[0]));
                }
                _ => {}
            }
        }
        taken.into_iter().for_each(|block| block.free(&heap));
    }

    #[test]
    fn what_is_given_back_is_given_out_again() {
        let (heap, mut random) = (Heap::<Pages>::new(), Random(1));
        let layouts: Vec<_> = (0..200).map(|_| Layout::from_size_align(random.size(), 8).unwrap()).collect();
        let round = || {
            let taken: Vec<_> = layouts.iter().map(|layout| Taken::new(&heap, *layout, 1)).collect();
            taken.into_iter().rev().for_each(|block| block.free(&heap));
        };
        (0..3).for_each(|_| round());
        let settled = GROWN.get();
        (0..50).for_each(|_| round());
        assert_eq!(GROWN.get(), settled);
    }

    #[test]
    fn a_buffer_that_grows_by_itself_leaves_no_copies_behind() {
        let heap = Heap::<Pages>::new();
        let layout = Layout::from_size_align(4 << 20, 1).unwrap();
        Taken::new(&heap, layout, 0).free(&heap);
        let before = GROWN.get();
        let mut buffer = Taken::new(&heap, Layout::from_size_align(1_000, 1).unwrap(), 9);
        (0..1_000).for_each(|more| buffer.resize(&heap, 1_000 + more * 4_000));
        buffer.free(&heap);
        assert_eq!(GROWN.get(), before);
    }

    #[test]
    fn what_cannot_be_had_is_refused() {
        let heap = Heap::<Pages>::new();
        let (wide, long) =
            (Layout::from_size_align(8, 64).unwrap(), Layout::from_size_align(isize::MAX as usize - 15, 16).unwrap());
        // SAFETY: neither is of length 0.
        assert!(unsafe { heap.alloc(wide).is_null() && heap.alloc(long).is_null() });
    }
}
