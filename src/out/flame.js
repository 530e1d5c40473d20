// SPDX-License-Identifier: Apache-2.0
//
// The script inside a flame graph: hover, zoom, search, and a layout that follows the width of the window.
//
// The picture is complete without it (within <img>, in a viewer). Every frame is <g data-n= data-x=><title/><rect/>[<text/>]</g> inside
// <g id="frames">, in preorder: a frame stands before what it calls. data-n is its width and data-x its left edge, in samples.
// Names are somebody else's text: they are only ever read from and written to textContent, never made into markup.
// Comments are lines of their own: the build strips them.
(function () {
'use strict';
var SVG = 'http://www.w3.org/2000/svg', XHTML = 'http://www.w3.org/1999/xhtml';
var PAD = 10, GAP = 0.5, LABEL_PAD = 3, FRAME_LEAST = 300;
var root = document.documentElement, frames = [], zoomed = null, cursor = null, query = '', cell = 7.25, width = 0;
var details = byId('details'), matched = byId('matched'), reset = byId('reset'), input = null;

function byId(id) { return document.getElementById(id); }
function number(n) { return n === Math.round(n) ? n.toLocaleString('en') : String(+n.toPrecision(6)); }
function percent(n, of) { return of > 0 ? (100 * n / of).toFixed(2) + '%' : '0%'; }

function read() {
	var all = byId('frames').children, path = [];
	for (var i = 0; i < all.length; i++) {
		var g = all[i], title = g.firstElementChild.textContent, rect = g.children[1];
		var f = { g: g, index: i, title: title, name: title.slice(0, title.lastIndexOf(' (')), rect: rect, label: g.children[2] || null,
			y: +rect.getAttribute('y'), n: +g.getAttribute('data-n'), x: +g.getAttribute('data-x'), parent: null, depth: 0 };
		// Rows have one height: the parent is the last frame of the row below.
		f.depth = Math.round(Math.abs(f.y - (frames.length ? frames[0].y : f.y)) / 16);
		f.parent = f.depth ? path[f.depth - 1] : null;
		path[f.depth] = f;
		frames.push(f);
		g.frame = f;
	}
}

// How many columns a character takes: as the program counts them.
function cells(c) { return c >= 0x1100 ? 2 : 1; }
function fit(name, room) {
	var used = 0, cut = 0, i = 0;
	for (; i < name.length; i++) {
		var c = name.codePointAt(i);
		used += cells(c);
		if (used > room)
			return cut < 1 ? '' : name.slice(0, cut) + '..';
		if (c > 0xffff)
			i++;
		if (used <= room - 2)
			cut = i + 1;
	}
	return name;
}

function label(f, x, w) {
	var room = Math.floor((w - 2 * LABEL_PAD) / cell), text = room < 3 ? '' : fit(f.name, room);
	if (!text && !f.label)
		return;
	if (!f.label) {
		f.label = document.createElementNS(SVG, 'text');
		f.label.setAttribute('y', f.y + 11.5);
		f.g.appendChild(f.label);
	}
	f.label.setAttribute('x', (x + LABEL_PAD).toFixed(2));
	if (f.label.textContent !== text)
		f.label.textContent = text;
}

function isAbove(f, of) { return f.depth < of.depth && f.x <= of.x && f.x + f.n >= of.x + of.n; }
function isWithin(f, of) { return f.depth >= of.depth && f.x >= of.x && f.x + f.n <= of.x + of.n; }
function ancestors(f) {
	var set = new Set();
	for (f = f && f.parent; f; f = f.parent)
		set.add(f);
	return set;
}

function layout() {
	var top = zoomed || frames[0], scale = (width - 2 * PAD) / top.n, above = ancestors(top), inside = false;
	frames.forEach(function (f) {
		var isUp = above.has(f);
		// Preorder: what the zoomed frame calls follows it, up to the next frame that is not deeper.
		inside = f === top || (inside && f.depth > top.depth);
		f.shown = isUp || inside;
		f.g.style.display = f.shown ? '' : 'none';
		if (!f.shown)
			return;
		f.g.classList.toggle('above', isUp);
		var x = isUp ? PAD : PAD + (f.x - top.x) * scale, w = isUp ? width - 2 * PAD : f.n * scale;
		f.rect.setAttribute('x', x.toFixed(2));
		f.rect.setAttribute('width', Math.max(w > 3 ? w - GAP : w, 0).toFixed(2));
		label(f, x, w);
	});
	reset.style.display = zoomed ? 'inline' : 'none';
}

function resize() {
	var w = Math.max(FRAME_LEAST, root.clientWidth || root.getBoundingClientRect().width || +root.getAttribute('data-width'));
	if (w === width)
		return;
	width = w;
	byId('back').setAttribute('width', w);
	byId('heading').setAttribute('x', w / 2);
	byId('legend').setAttribute('transform', 'translate(' + (w - root.getAttribute('data-width')) / 2 + ' 0)');
	matched.setAttribute('x', w - PAD);
	if (input) {
		var box = Math.min(210, w / 3);
		input.parentNode.setAttribute('x', w - PAD - box);
		input.parentNode.setAttribute('width', box);
	}
	var heading = byId('heading'), whole = heading.getAttribute('data-text');
	heading.textContent = fit(whole, Math.floor((w - 2 * Math.max(130, Math.min(230, w / 3 + 2 * PAD))) / (cell * 17 / 12)));
	layout();
}

function show(f) {
	var text = '';
	if (f) {
		text = f.title;
		if (zoomed && f.shown && isWithin(f, zoomed))
			text += ', ' + percent(f.n, zoomed.n) + ' of ' + zoomed.name;
	}
	details.textContent = fit(text, Math.floor((width - 2 * PAD - (matched.textContent.length + 2) * cell) / cell));
}

function point(f) {
	if (cursor)
		cursor.g.classList.remove('cursor');
	cursor = f;
	if (f)
		f.g.classList.add('cursor');
	show(f);
}

function zoom(f) {
	zoomed = f && f.depth ? f : null;
	layout();
	mark();
	show(f);
	remember();
}

// Capital letters in the pattern: they matter. None: case does not.
function pattern(text) {
	return new RegExp(text, /[A-Z]/.test(text.replace(/\\./g, '')) ? '' : 'i');
}

// Marks what matches; its share counts nothing twice: a frame within a marked frame is part of that already.
function mark() {
	var re = null, sum = 0, hits = 0, top = zoomed || frames[0], until = null;
	try {
		re = query ? pattern(query) : null;
		if (input)
			input.classList.remove('bad');
	} catch (e) {
		input.classList.add('bad');
		matched.textContent = 'not a regular expression';
		return { error: true };
	}
	frames.forEach(function (f) {
		if (until && f.depth <= until.depth)
			until = null;
		var hit = re !== null && re.test(f.name);
		f.g.classList.toggle('hit', hit);
		if (!hit || !f.shown || !isWithin(f, top))
			return;
		hits++;
		if (!until) {
			sum += f.n;
			until = f;
		}
	});
	matched.textContent = re ? 'Matched: ' + percent(sum, top.n) + ' (' + number(sum) + ', ' + number(hits) + (hits === 1 ? ' frame)' : ' frames)') : '';
	return { samples: sum, frames: hits, percent: percent(sum, top.n) };
}

function search(text) {
	query = text;
	if (input && input.value !== text)
		input.value = text;
	var result = mark();
	remember();
	return result;
}

// The state is in the address: a link to it shows the same.
function remember() {
	var s = [];
	if (zoomed)
		s.push('z=' + zoomed.index);
	if (query)
		s.push('s=' + encodeURIComponent(query));
	try {
		history.replaceState(null, '', s.length ? '#' + s.join('&') : location.href.split('#')[0]);
	} catch (e) {
		// No history here: nothing to remember.
		return;
	}
}

function recall() {
	var hash = '';
	try {
		hash = location.hash.slice(1);
	} catch (e) {
		return;
	}
	var z = null, s = '';
	hash.split('&').forEach(function (part) {
		if (/^z=\d+$/.test(part))
			z = frames[+part.slice(2)] || null;
		if (part.slice(0, 2) === 's=') {
			try { s = decodeURIComponent(part.slice(2)); } catch (e) { s = ''; }
		}
	});
	if (z)
		zoom(z);
	if (s)
		search(s);
}

function makeInput() {
	var place = document.createElementNS(SVG, 'foreignObject');
	place.setAttribute('y', 8);
	place.setAttribute('height', 26);
	input = document.createElementNS(XHTML, 'input');
	input.setAttribute('type', 'search');
	input.setAttribute('id', 'search');
	input.setAttribute('placeholder', 'Search (regexp)');
	input.setAttribute('aria-label', 'Search for frames with a regular expression');
	input.setAttribute('spellcheck', 'false');
	input.addEventListener('input', function () { search(input.value); });
	place.appendChild(input);
	root.appendChild(place);
}

function frameOf(target) {
	for (; target && target !== root; target = target.parentNode)
		if (target.frame)
			return target.frame;
	return null;
}

// The arrows walk from frame to frame; up is up in the picture.
function step(key) {
	var f = cursor && cursor.shown ? cursor : zoomed || frames[0], towardsLeaf = root.getAttribute('data-inverted') ? 'ArrowDown' : 'ArrowUp';
	var i, to = null;
	if (key === 'ArrowUp' || key === 'ArrowDown') {
		if (key !== towardsLeaf)
			to = f.parent;
		else if (frames[f.index + 1] && frames[f.index + 1].parent === f)
			to = frames[f.index + 1];
		// The zoomed frame's parents have one shown child, which need not be their first.
		for (i = f.index + 1; to && !to.shown && i < frames.length; i++)
			to = frames[i].parent === f ? frames[i] : to;
	} else {
		var d = key === 'ArrowRight' ? 1 : -1;
		for (i = f.index + d; frames[i] && !(frames[i].depth === f.depth && frames[i].shown); i += d)
			continue;
		to = frames[i] || null;
	}
	if (to && to.shown)
		point(to);
}

function key(e) {
	if ((e.ctrlKey || e.metaKey) && e.key === 'f') {
		e.preventDefault();
		input.focus();
		input.select();
	} else if (e.key === 'Escape') {
		if (query)
			search('');
		else
			zoom(null);
		input.blur();
	} else if (e.target === input || e.ctrlKey || e.metaKey || e.altKey) {
		return;
	} else if (/^Arrow/.test(e.key)) {
		e.preventDefault();
		step(e.key);
	} else if (e.key === 'Enter' && cursor) {
		zoom(cursor);
	}
}

function start() {
	var probe = byId('details');
	probe.textContent = 'MMMMMMMMMMMMMMMMMMMM';
	cell = (probe.getComputedTextLength() / 20) || cell;
	probe.textContent = '';
	read();
	root.removeAttribute('viewBox');
	root.setAttribute('width', '100%');
	makeInput();
	resize();
	recall();
	window.addEventListener('resize', resize);
	window.addEventListener('hashchange', recall);
	root.addEventListener('mouseover', function (e) { var f = frameOf(e.target); if (f) point(f); });
	root.addEventListener('mouseout', function (e) { if (frameOf(e.target)) point(null); });
	root.addEventListener('click', function (e) {
		var f = frameOf(e.target);
		if (f)
			zoom(f);
		else if (e.target === reset)
			zoom(null);
	});
	window.addEventListener('keydown', key);
	// For pages that embed the picture.
	window.sonde = { frames: frames, zoom: zoom, search: search, point: point };
}

start();
})();
