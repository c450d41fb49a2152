// Hands the click ids of a visit to the order. Served by tracker/web/snippet.py, which takes these lines out.
// Without consent nothing is kept: the ids of this page view go into this page's forms and links, no further.
// With it they stay for thirty days in this site's localStorage, and in Shopify's cart. No cookie is ever set.
(() => {
  const w = window, d = document, old = w.tracker, name = '{{click_parameter}}', via = name + '_via';
  if (w.trackerRuns) return;
  w.trackerRuns = 1;
  // Whatever fails here, the page goes on.
  const safe = (what) => { try { return what(); } catch (e) { return null; } };
  const each = (css, what) => d.querySelectorAll(css).forEach((x) => safe(() => what(x)));
  const isId = (x) => /^[0-9a-f]{32}$/.test(x);
  const tag = d.currentScript || d.querySelector('script[src*="/s.js?"]');
  // The address by which this page came, also after a single-page shop has changed it.
  const start = safe(() => performance.getEntriesByType('navigation')[0].name);
  // The text of a click id or a mark -> when it was first seen, in milliseconds.
  let seen = {}, told, carted;

  // true: may be kept; false: refused, and what was kept goes; null: not known.
  const will = (x) => /^(1|true|granted|allow)$/.test(x) || (/^(0|false|denied|deny)$/.test(x) ? false : null);
  const consent = (had) => {
    if (navigator.globalPrivacyControl || navigator.doNotTrack == 1) return false;
    const cookie = safe(() => /\btracker_consent=([01])/.exec(d.cookie)[1]);
    for (const x of [told, w.trackerConsent, tag && tag.dataset.consent, cookie]) {
      if (will(x) !== null) return will(x);
    }
    const privacy = w.Shopify && w.Shopify.customerPrivacy;
    return (privacy ? privacy.marketingAllowed() : w.wp_has_consent ? w.wp_has_consent('marketing') : had) ? true : null;
  };

  const read = (u, now) => {
    const q = new URL(u).searchParams, id = q.getAll(name).find(isId);
    const utm = ['source', 'medium', 'campaign'].map((part) => (q.get('utm_' + part) || '').slice(0, 40));
    const mark = [...q.keys()].filter((key) => /^(awc|irclickid|cjevent|ranSiteID|gclid|[gw]braid|msclkid|fbclid|ttclid)$/.test(key));
    // With an id of ours the campaign tags are ours too. An e-mail address is no campaign.
    if (!id && /^[^@]{3,}$/.test(utm)) mark.push('utm:' + utm.map(encodeURIComponent).join(':'));
    for (const x of [id, mark.join('+')]) if (x) seen[x] = seen[x] || now;
  };

  // Only what is empty, or was filled by us, is filled.
  const put = (e, k, v) => {
    if (!e.tracked && (!v || e.getAttribute(k))) return;
    e.setAttribute(k, v);
    e.tracked = 1;
  };
  const add = (f, k, v) => {
    let i = f.querySelector('input[name="' + k + '"]');
    if (!i && v) f.append(i = Object.assign(d.createElement('input'), { type: 'hidden', name: k }));
    if (i) put(i, 'value', v);
  };
  const link = (e, v) => {
    const u = new URL(e.href), q = u.searchParams, k = 'client_reference_id';
    if (!/^(buy|checkout)\.stripe\.com$/.test(u.host) || (q.has(k) && !e.tracked)) return;
    q.set(k, v);
    e.href = u;
    e.tracked = 1;
  };

  // What the cart already holds stays in front: it may remember what this browser forgot.
  const toCart = (all, may) => {
    const root = (w.Shopify.routes || {}).root || '/', x = JSON.stringify(all);
    if (x === carted) return;
    carted = x;
    fetch(root + 'cart.js').then((r) => r.json()).then((cart) => {
      const had = cart.attributes || {}, attributes = { ...all };
      if (may) attributes[name] = [...new Set(([had[name], all[name]] + '').match(/[0-9a-f]{32}/g))].slice(-20).join();
      if (Object.keys(all).every((k) => (had[k] || '') === attributes[k])) return;
      const headers = { 'Content-Type': 'application/json' };
      return fetch(root + 'cart/update.js', { method: 'POST', headers, body: JSON.stringify({ attributes }) });
    }).catch(() => { carted = 0; });
  };

  const look = () => safe(() => {
    const had = safe(() => localStorage.tracker), may = safe(() => consent(had)), now = Date.now();
    if (may === false) seen = {};
    if (may) safe(() => JSON.parse(had).forEach(([x, at]) => {
      if (/^[\w:+.%!~*'()-]{3,500}$/.test(x) && at > now - 2592e6) seen[x] = at;
    }));
    for (const u of [start, location.href]) safe(() => read(u, now));
    const xs = Object.keys(seen).sort((a, b) => seen[a] - seen[b]);
    const ids = xs.filter(isId).slice(-20), marks = xs.filter((x) => !isId(x)).slice(-10);
    const all = { [name]: ids.join(), [via]: marks.map((x) => x + '@' + seen[x]).join() };
    safe(() => {
      if (may && xs[0]) localStorage.tracker = JSON.stringify([...ids, ...marks].map((x) => [x, seen[x]]));
      else if (may !== null) delete localStorage.tracker;
    });
    for (const k in all) {
      each('form.checkout,form[data-tracker]', (f) => add(f, k, all[k]));
      if (w.Shopify) each('form[action$="/cart"]', (f) => add(f, 'attributes[' + k + ']', all[k]));
      each('input[name="' + k + '"],input[data-tracker="' + k + '"]', (i) => put(i, 'value', all[k]));
    }
    // Stripe takes 200 characters: six ids.
    const ref = ids.slice(-6).join('-');
    if (ref) each('a[href*=".stripe.com/"]', (e) => link(e, ref));
    each('stripe-buy-button,stripe-pricing-table', (e) => put(e, 'client-reference-id', ref));
    if (w.Shopify && may && xs[0]) toCart(all, may);
    if (w.Shopify && may === false && (had || carted)) toCart({ [name]: '', [via]: '' });
    return all;
  });

  const tracker = (what, x) => {
    if (what === 'consent' && will(x) !== null) told = will(x);
    return look();
  };
  if (!old || old.q) w.tracker = tracker;
  safe(() => old.q.forEach((call) => tracker(...call)));
  look();
  for (const on of ['DOMContentLoaded', 'click', 'submit']) d.addEventListener(on, look, true);
  d.addEventListener('visitorConsentCollected', (on) => tracker('consent', on.detail.marketingAllowed));
  d.addEventListener('wp_listen_for_consent_change', (on) => tracker('consent', on.detail.marketing));
})();
