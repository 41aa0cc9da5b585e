//! Commits that an insider must not get away with.

use openmls::{
    credentials::BasicCredential,
    key_packages::KeyPackage,
    messages::proposals::{PreSharedKeyProposal, Proposal},
    prelude::{Capabilities, CredentialWithKey, LeafNodeIndex, LeafNodeParameters},
    schedule::{ExternalPsk, PreSharedKeyId, Psk},
    versions::ProtocolVersion,
};

use super::*;

/// What Eve commits: built by the library, without our rules.
struct Spite {
    adds: Vec<KeyPackage>,
    removes: Vec<LeafNodeIndex>,
    psks: Vec<Vec<u8>>,
    leaf: LeafNodeParameters,
    path: bool,
    admitted: Vec<u32>,
    removed: Vec<u32>,
}

impl Spite {
    /// A path, as in a refresh, and no more.
    fn plain() -> Self {
        let leaf = LeafNodeParameters::builder().with_capabilities(me::capabilities()).build();
        let (adds, removes, psks, admitted, removed) = Default::default();
        Self { adds, removes, psks, leaf, path: true, admitted, removed }
    }

    /// Lets Cy in, as it should be done.
    fn letting_in(all: &[Person], cy: &Person) -> Self {
        let (mut newcomers, _) = all[0].hear(&[cy.knock()], &none());
        let adds = vec![newcomers.pop().unwrap().key_package];
        let psks = vec![group_id(ROOM, 0).to_vec()];
        Self { adds, psks, admitted: vec![cy.id().0], ..Self::plain() }
    }

    /// Takes another identity.
    fn becoming(all: &[Person], id: u32, name: &str) -> Self {
        let credential = CredentialWithKey {
            credential: BasicCredential::new(roster::identity(MemberId(id), &name.parse().unwrap())).into(),
            signature_key: all[2].me.signer.public().into(),
        };
        let leaf = LeafNodeParameters::builder()
            .with_capabilities(me::capabilities())
            .with_credential_with_key(credential)
            .build();
        Self { leaf, ..Self::plain() }
    }

    fn commit(self, eve: &mut Person) -> Commit {
        let Person { me, group } = eve;
        let psk = |id: Vec<u8>| {
            let psk = PreSharedKeyId::new(SUITE, me.provider.rand(), Psk::External(ExternalPsk::new(id)));
            Proposal::PreSharedKey(Box::new(PreSharedKeyProposal::new(psk.unwrap())))
        };
        let mut builder = group
            .as_mut()
            .unwrap()
            .mls
            .commit_builder()
            .propose_adds(self.adds)
            .propose_removals(self.removes)
            .add_proposals(self.psks.into_iter().map(psk).collect::<Vec<_>>());
        if self.path {
            builder = builder.force_self_update(true).leaf_node_parameters(self.leaf);
        }
        let bundle = builder
            .load_psks(me.provider.storage())
            .unwrap()
            .build(me.provider.rand(), me.provider.crypto(), &me.signer, |_| true)
            .unwrap()
            .stage_commit(&me.provider)
            .unwrap();
        let welcome = bundle.to_welcome_msg().map(|welcome| to_bytes(&welcome).unwrap()).unwrap_or_default();
        let ids = |ids: Vec<u32>| ids.into_iter().map(MemberId).collect();
        let commit = to_bytes(&bundle.into_commit()).unwrap();
        Commit { admitted: ids(self.admitted), removed: ids(self.removed), commit, welcome }
    }
}

/// Every commit that an insider must not get away with. Eve is the last of three; Bo, the second, may be gone.
#[test]
fn spiteful_commits_leave_the_others_stuck() {
    type Make = fn(&[Person], &Person) -> Spite;
    let judge = |make: Make, gone: &[u32]| {
        let (mut all, cy) = (people(&["Ana", "Bo", "Eve"]), Person::new(9, "Cy"));
        for person in &all {
            let another = PreSharedKeyId::external(b"another".to_vec(), vec![]);
            another.store(&person.me.provider, &[5; 32]).unwrap();
        }
        let commit = make(&all, &cy).commit(&mut all[2]);
        all[0].follow(MemberId(3), &commit, &gone.iter().copied().map(MemberId).collect())
    };
    // The honest ones, by the same means.
    assert_eq!(judge(|_, _| Spite::plain(), &[]), Ok(()));
    assert_eq!(judge(Spite::letting_in, &[]), Ok(()));
    let removing =
        |_: &[Person], _: &Person| Spite { removes: vec![LeafNodeIndex::new(1)], removed: vec![2], ..Spite::plain() };
    assert_eq!(judge(removing, &[2]), Ok(()));

    let cases: &[(&str, Make)] = &[
        ("adds without the PSK", |all, cy| Spite { psks: vec![], ..Spite::letting_in(all, cy) }),
        ("adds with another PSK", |all, cy| Spite { psks: vec![b"another".to_vec()], ..Spite::letting_in(all, cy) }),
        ("adds with two", |all, cy| {
            let honest = Spite::letting_in(all, cy);
            Spite { psks: vec![group_id(ROOM, 0).to_vec(), b"another".to_vec()], ..honest }
        }),
        ("a PSK for nobody", |_, _| Spite { psks: vec![group_id(ROOM, 0).to_vec()], ..Spite::plain() }),
        ("no path", |all, cy| Spite { path: false, ..Spite::letting_in(all, cy) }),
        ("takes another name", |all, _| Spite::becoming(all, 3, "Boss")),
        ("takes another number", |all, _| Spite::becoming(all, 8, "Eve")),
        ("cannot do what every leaf can", |_, _| {
            let capabilities = Capabilities::builder().ciphersuites(vec![SUITE]).build();
            let leaf = LeafNodeParameters::builder().with_capabilities(capabilities).build();
            Spite { leaf, ..Spite::plain() }
        }),
        ("removes one who is there", |_, _| Spite {
            removes: vec![LeafNodeIndex::new(1)],
            removed: vec![2],
            ..Spite::plain()
        }),
        ("lets in a key of low order", |all, cy| {
            let key_package = cy.me.halved_key_package().unwrap();
            let MlsMessageBodyIn::KeyPackage(unverified) =
                MlsMessageIn::tls_deserialize_exact_bytes(&key_package).unwrap().extract()
            else {
                panic!("no key package");
            };
            let checked = unverified.validate(cy.me.provider.crypto(), ProtocolVersion::Mls10).unwrap();
            Spite { adds: vec![checked], ..Spite::letting_in(all, cy) }
        }),
        ("lets in one who cannot do what every leaf can", |all, cy| {
            let bundle = KeyPackage::builder()
                .leaf_node_capabilities(Capabilities::builder().ciphersuites(vec![SUITE]).build())
                .key_package_lifetime(me::lifetime())
                .build(SUITE, &cy.me.provider, &cy.me.signer, cy.me.credential());
            Spite { adds: vec![bundle.unwrap().into_key_package()], ..Spite::letting_in(all, cy) }
        }),
        ("lets in another than she says", |all, cy| Spite { admitted: vec![8], ..Spite::letting_in(all, cy) }),
        ("lets one in and does not say so", |all, cy| Spite { admitted: vec![], ..Spite::letting_in(all, cy) }),
        ("says that she lets one in", |_, _| Spite { admitted: vec![9], ..Spite::plain() }),
    ];
    for (what, make) in cases {
        let is_unlisted =
            ["lets in another than she says", "lets one in and does not say so", "says that she lets one in"]
                .contains(what);
        let why = judge(*make, &[]).unwrap_err();
        assert_eq!(why == Stuck::Unlisted, is_unlisted, "{what}: {why}");
    }
    let silently = |_: &[Person], _: &Person| Spite { removes: vec![LeafNodeIndex::new(1)], ..Spite::plain() };
    assert!(matches!(judge(silently, &[2]), Err(Stuck::Broken(_))), "does not say whom she removes");

    let mut all = people(&["Ana", "Bo", "Eve"]);
    let commit = vec![0, 1, 0, 2, 9, 9];
    let garbage = Commit { admitted: vec![], removed: vec![], commit, welcome: vec![] };
    assert!(matches!(all[0].follow(MemberId(3), &garbage, &none()), Err(Stuck::Broken(_))));

    // A commit under another's name; and one passed off as a message.
    let mut all = people(&["Ana", "Bo", "Eve"]);
    let commit = all[2].commit(&[], &none());
    assert!(matches!(all[0].open(&commit.commit), Err(Unopened(_))));
    assert_eq!(all[0].follow(MemberId(3), &commit, &none()), Ok(()), "the wrong envelope has used nothing up");
    assert!(matches!(all[1].follow(MemberId(1), &commit, &none()), Err(Stuck::Broken(_))));
}
