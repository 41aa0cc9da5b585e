//! What axe-core finds: things that some people could not see, reach or make sense of.

use std::fs;

use super::{Person, seeing::texts};
use crate::tools::tool;

/// Looks at the page as it is, by day and by night, once it has come to rest.
const LOOK: &str = "return (async () => {
    const root = document.documentElement;
    const { theme } = root.dataset;
    const found = [];
    try {
      for (const shown of ['light', 'dark']) {
        root.dataset.theme = shown;
        await new Promise((done) => setTimeout(done));
        await Promise.allSettled(document.getAnimations().map(({ finished }) => finished));
        const { violations } = await axe.run(document, { resultTypes: ['violations'] });
        for (const { id, help, nodes } of violations) {
          for (const { target, failureSummary } of nodes) found.push(`${shown}: ${id}, ${help}: ${target}: ${failureSummary}`);
        }
      }
    } finally {
      root.dataset.theme = theme;
    }
    return found;
  })()";

impl Person {
    /// What axe-core has against the page, in either theme.
    pub async fn barriers(&self) -> Vec<String> {
        if self.runs("return typeof axe", &[]).await == "undefined" {
            let axe = fs::read_to_string(tool("axe-core/axe.min.js")).unwrap();
            self.runs(&axe, &[]).await;
        }
        texts(&self.runs(LOOK, &[]).await)
    }
}
