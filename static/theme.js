// Runs before anything is painted: the choice between light and dark, so that no page flashes in the wrong colours,
// and the word that the page's own script did not start. The choice is the one thing that stays in the browser's
// storage.
{
  const KEY = 'theme';
  const CHOICES = ['light', 'dark'];
  const root = document.documentElement;

  const chosen = () => {
    try {
      const theme = localStorage.getItem(KEY);
      return CHOICES.includes(theme) ? theme : 'system';
    } catch {
      return 'system'; // storage can be forbidden
    }
  };

  const keep = (theme) => {
    try {
      if (CHOICES.includes(theme)) localStorage.setItem(KEY, theme);
      else localStorage.removeItem(KEY);
    } catch {
      // Then it holds for this page.
    }
  };

  const draw = (theme) => {
    root.dataset.theme = theme;
    for (const bar of document.querySelectorAll('meta[data-bar]')) {
      const { bar: scheme } = bar.dataset;
      bar.media = theme === 'system' ? `(prefers-color-scheme: ${scheme})` : theme === scheme ? 'all' : 'not all';
    }
    for (const select of document.querySelectorAll('.theme select')) select.value = theme;
  };

  draw(chosen());
  document.addEventListener('DOMContentLoaded', () => {
    for (const control of document.querySelectorAll('.theme')) control.hidden = false;
    draw(chosen());
  });
  document.addEventListener('change', ({ target }) => {
    if (!target.matches('.theme select')) return;
    keep(target.value);
    draw(target.value);
  });
  // Another tab has chosen.
  addEventListener('storage', () => draw(chosen()));

  // The script takes this away when it starts. A part of it that does not load, or was altered, fails it as a whole.
  const tellUnstarted = () => document.getElementById('unstarted')?.classList.add('unstarted--now');
  document.addEventListener('error', ({ target }) => {
    if (target.matches?.('script[type=module]')) tellUnstarted();
  }, true);
  addEventListener('load', tellUnstarted);
}
