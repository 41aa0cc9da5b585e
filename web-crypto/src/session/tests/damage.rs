//! Bytes and inputs of every kind, in every phase: no panic, and no text on the page that nobody sent.

use wire::{Counter, Departure, MemberId, Person, Seq, ServerFrame, Standing, Welcome};

use super::{super::*, scene::*};

/// Numbers without a pattern, and the same in every run: SplitMix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Flips bits, cuts, lengthens, or makes something else of it.
    fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        match self.below(8) {
            0 => bytes.truncate(self.below(bytes.len() + 1)),
            1 => bytes.extend((0..=self.below(40)).map(|at| (at * 31) as u8)),
            2 => {
                // The head stays, so that what is inside is reached.
                let kept = self.below(bytes.len() + 1).max(2);
                bytes.iter_mut().skip(kept).for_each(|byte| *byte = self.next() as u8);
            }
            3 => {
                let (from, to) = (self.below(bytes.len()), self.below(bytes.len()));
                let value = bytes[from];
                bytes[to] = value;
            }
            _ => {
                for _ in 0..=self.below(3) {
                    let at = self.below(bytes.len());
                    bytes[at] ^= 1 << self.below(8);
                }
            }
        }
        bytes
    }
}

const SAID: &str = "what Ana said";

/// What is shown as a text of another was said.
fn holds(scene: &mut Scene, what: &str) {
    for message in scene.take("message") {
        assert!(message["mine"] == true || (message["text"] == SAID && message["name"] == "Ana"), "{what}: {message}");
    }
    scene.shown.clear();
    scene.sent.clear();
}

/// Everything that an honest server may say next to one in the group; none of it has been said yet.
fn next_inside(scene: &mut Scene) -> Vec<Vec<u8>> {
    let (seq, epoch) = (Seq(scene.seq + 1), scene.ana.epoch());
    let (ana, counter) = (MemberId(ANA), Counter(scene.ana.counter + 1));
    let sealed = scene.ana.seal(&text(counter.0, SAID));
    let cy = Other::new(CY, "Cy").knock(epoch.generation);
    let commit = scene.ana.commit(&[(CY, &cy)], &[]);
    vec![
        ServerFrame::Message { seq, sender: ana, counter, sealed: &sealed }.to_bytes(),
        ServerFrame::Commit {
            seq,
            author: ana,
            epoch,
            admitted: commit.admitted.clone(),
            removed: commit.removed.clone(),
            commit: &commit.commit,
        }
        .to_bytes(),
        ServerFrame::Duty { epoch, commits: 0, knocks: vec![(MemberId(CY), &cy)] }.to_bytes(),
        ServerFrame::Committed { seq, epoch }.to_bytes(),
        ServerFrame::Accepted { seq, counter: Counter(2) }.to_bytes(),
        ServerFrame::Left { seq, member_id: ana, departure: Departure::Left, counter }.to_bytes(),
        ServerFrame::Presence { seq, member_id: ana, connected: false }.to_bytes(),
        ServerFrame::Anew { seq, generation: epoch.generation + 1, founder: true }.to_bytes(),
        ServerFrame::Unanswered.to_bytes(),
        ServerFrame::Pong.to_bytes(),
    ]
}

fn next_outside(scene: &mut Scene) -> Vec<Vec<u8>> {
    let (_, knock) = scene.knocks().pop().unwrap();
    let commit = scene.ana.commit(&[(ME, &knock)], &[]);
    let (seq, epoch, people) = (Seq(scene.seq + 1), scene.ana.epoch().next(), vec![person(ANA, 3), person(ME, 0)]);
    vec![
        ServerFrame::LetIn { seq, epoch, people, welcome: &commit.welcome }.to_bytes(),
        ServerFrame::Anew { seq, generation: 1, founder: false }.to_bytes(),
        ServerFrame::Unanswered.to_bytes(),
    ]
}

fn next_greeting(_: &mut Scene) -> Vec<Vec<u8>> {
    let welcome = |standing| Welcome { seq: Seq(4), epoch: epoch(0, 0), standing, counter: Counter(0) };
    [Standing::Outside, Standing::Founder, Standing::Inside]
        .map(|standing| ServerFrame::Welcome(welcome(standing)).to_bytes())
        .to_vec()
}

/// Damages what may come next, over and over, and lets the session go on from wherever that leads it.
fn bear(make: fn() -> Scene, next: fn(&mut Scene) -> Vec<Vec<u8>>, seed: u64, scenes: usize, frames: usize) {
    let mut dice = Dice(seed);
    for _ in 0..scenes {
        let mut scene = make();
        let honest = next(&mut scene);
        for _ in 0..frames {
            let chosen = &honest[dice.below(honest.len())];
            let frame = dice.damage(chosen);
            scene.input(Input::Received(&frame));
            holds(&mut scene, &format!("{frame:?}"));
            match dice.below(6) {
                0 => scene.input(Input::Say("mine")),
                1 => scene.input(Input::Safety),
                // Given up: on another connection the server says the same as before.
                _ if scene.disconnects > 0 => {
                    scene.disconnects = 0;
                    scene.input(Input::Network(true));
                    scene.input(Input::Opened);
                    let standing = [Standing::Outside, Standing::Inside][dice.below(2)];
                    scene.welcome(standing, 0);
                }
                _ => {}
            }
            holds(&mut scene, "what followed");
        }
    }
}

#[test]
fn damaged_frames_in_the_group() {
    bear(Scene::inside, next_inside, 1, 24, 25);
}

#[test]
fn damaged_frames_before_the_groups_door() {
    bear(Scene::outside, next_outside, 2, 12, 40);
}

#[test]
fn damaged_frames_in_place_of_a_welcome() {
    bear(Scene::greeting, next_greeting, 3, 12, 40);
}

/// A frame of every kind with numbers at their ends, where additions overflow.
#[test]
fn numbers_at_their_ends() {
    let ends = [0, u64::MAX - 1, u64::MAX];
    for make in [Scene::greeting, Scene::outside, Scene::inside] {
        for end in ends {
            for which in 0..9 {
                let mut scene = make();
                let seq = Seq(if which % 2 == 0 { scene.seq + 1 } else { end });
                let (counter, ana, far) = (Counter(end), MemberId(ANA), epoch(end as u32, end));
                let people = vec![Person { member_id: MemberId(ME), counter, connected: true, in_group: true }];
                let standing = [Standing::Outside, Standing::Founder, Standing::Inside][which % 3];
                let frame = match which {
                    0..3 => ServerFrame::Welcome(Welcome { seq, epoch: far, standing, counter }),
                    3 => ServerFrame::Message { seq: Seq(scene.seq + 1), sender: ana, counter, sealed: b"x" },
                    4 => ServerFrame::Left { seq, member_id: ana, departure: Departure::Left, counter },
                    5 => ServerFrame::Anew { seq, generation: end as u32, founder: true },
                    6 => ServerFrame::Accepted { seq, counter },
                    7 => ServerFrame::LetIn { seq, epoch: far, people, welcome: b"x" },
                    _ => ServerFrame::Duty { epoch: far, commits: end as u32, knocks: vec![(ana, b"x"); 3] },
                };
                scene.frame(frame.clone());
                scene.input(Input::Say("mine"));
                // Whatever it led to, what comes next is borne as well.
                scene.ana_sends(end, &text(end, SAID));
                scene.frame(frame);
                holds(&mut scene, "an end");
            }
        }
    }
}

#[test]
fn damaged_knocks_let_nobody_in() {
    let mut scene = Scene::inside();
    let mut dice = Dice(4);
    let knock = Other::new(CY, "Cy").knock(0);
    for _ in 0..200 {
        let damaged = dice.damage(&knock);
        if damaged == knock {
            continue;
        }
        scene.duty(0, &[(CY, &damaged)]);
        assert_eq!((scene.declined(), scene.commits_sent().len()), (vec![CY], 0));
    }
    assert_eq!(scene.disconnects, 0);
    scene.duty(0, &[(CY, &knock)]);
    assert_eq!(scene.commits_sent().len(), 1);
}

/// One who knows the password seals what is no key package, or a damaged one.
#[test]
fn damaged_key_packages_let_nobody_in() {
    let mut scene = Scene::inside();
    let mut dice = Dice(5);
    let cy = Other::new(CY, "Cy");
    for _ in 0..200 {
        let sealed = cy.knock_damaged(|package| dice.damage(package));
        let Some(sealed) = sealed else { continue };
        scene.duty(0, &[(CY, &sealed)]);
        assert_eq!((scene.declined(), scene.commits_sent().len()), (vec![CY], 0));
    }
    assert_eq!(scene.disconnects, 0);
}

/// Whatever comes in whichever order: nothing panics, and after the end nothing happens.
#[test]
fn any_order_of_inputs() {
    let welcome = |standing| {
        ServerFrame::Welcome(Welcome { seq: Seq(7), epoch: epoch(1, 0), standing, counter: Counter(0) }).to_bytes()
    };
    let frames = [welcome(Standing::Outside), welcome(Standing::Founder), welcome(Standing::Inside)];
    let mut dice = Dice(6);
    for round in 0..80 {
        let mut scene = match round % 4 {
            0 => Scene::new(Intent::Join),
            1 => Scene::greeting(),
            2 => Scene::outside(),
            _ => Scene::inside(),
        };
        scene.shown.clear();
        for _ in 0..12 {
            scene.now += dice.next() % 20_000;
            scene.input(match dice.below(14) {
                0 => Input::Stretched(stretched()),
                1 => Input::NotStretched("code", "words"),
                2 => Input::Answered { status: 200, body: b"{}" },
                3 => Input::Unanswered,
                4 => Input::Opened,
                5 => Input::Received(&frames[dice.below(3)]),
                6 => Input::Closed(1006),
                7 | 8 => Input::Woken,
                9 => Input::Say("mine"),
                10 => Input::Safety,
                11 => Input::Network(dice.below(2) == 0),
                12 => Input::Received(b"\x01"),
                _ if dice.below(8) == 0 => Input::Leave,
                _ => Input::Woken,
            });
        }
        let over = scene.shown.iter().position(|view| view["type"] == "ended" || view["type"] == "refused");
        assert!(over.is_none_or(|at| at + 1 == scene.shown.len()), "{:?}", scene.shown);
        holds(&mut scene, "any order");
    }
}
