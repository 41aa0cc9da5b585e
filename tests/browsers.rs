//! Cloakroom as people meet it: the real server and the real page, in Chromium and in Firefox.

/// Plays the same scene twice, each engine leading once.
macro_rules! with_each_engine {
    ($($scene:ident)*) => {
        $(
            mod $scene {
                use support::browser::Engine;

                #[tokio::test(flavor = "multi_thread")]
                async fn chromium() {
                    super::$scene(Engine::Chromium).await;
                }

                #[tokio::test(flavor = "multi_thread")]
                async fn firefox() {
                    super::$scene(Engine::Firefox).await;
                }
            }
        )*
    };
}

mod browsers {
    mod composing;
    mod connection;
    mod door;
    mod emoji;
    mod hostile;
    mod keyboard;
    mod leaving;
    mod log;
    mod narrow;
    mod notice;
    mod people;
    mod pictures;
    mod plain;
    mod secrets;
    mod talk;
}
