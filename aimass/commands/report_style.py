"""How the page of a report looks: light or dark as the reader's system is, on a phone, and on paper."""

STYLE = """
:root{color-scheme:light dark;--bg:#fbfbfa;--card:#fff;--ink:#1d2428;--soft:#5d676d;--line:#dfe3e5;--accent:#0b6fa4;
--band:#0b6fa426;--h0:#d5e8e0;--h1:#ebe8c4;--h2:#f8d795;--h3:#f2ab66;--h4:#de7142;--h5:#b93b2d;--h6:#7b1020;--hx:#eceeef;
--log:#4a90b8;--tagged:#e3c13b;--quarantined:#d9772b;--filtered:#a3abb0;--duplicates:#b07aa8;--deadletters:#8c1d2f}
@media(prefers-color-scheme:dark){:root{--bg:#14181b;--card:#1c2226;--ink:#e6eaec;--soft:#9aa5ab;--line:#333c42;
--accent:#5cb8e6;--band:#5cb8e633;--h0:#23473c;--h1:#4c4b25;--h2:#7a5a1c;--h3:#a8642a;--h4:#cf6a3d;--h5:#ea6f5c;
--h6:#ff9d94;--hx:#272e33;--log:#4f9cc6;--tagged:#d9b73a;--quarantined:#e0833a;--filtered:#78828a;--duplicates:#b98ab2;
--deadletters:#d2566a}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1040px;margin:0 auto;padding:20px 16px 60px}
h1{font-size:1.5rem;line-height:1.2;margin:0 0 4px}h2{font-size:1.2rem;margin:36px 0 10px;overflow-wrap:anywhere}
h3{font-size:1rem;margin:22px 0 6px}h4{font-size:.95rem;margin:0 0 2px;overflow-wrap:anywhere}
p{margin:4px 0}.soft,small{color:var(--soft)}small{font-size:.85em}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px;margin:10px 0}
.head{display:flex;gap:20px;align-items:center;flex-wrap:wrap}.score{font-size:2.6rem;font-weight:650;line-height:1}
.head>div:last-child{flex:1 1 300px}
table{border-collapse:collapse;width:100%}th{font-weight:600;text-align:left}td,th{padding:4px 10px 4px 0;
vertical-align:top}thead th{font-size:.82em;color:var(--soft);border-bottom:1px solid var(--line);font-weight:500}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
code{font:.86em/1.45 ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}
ul{margin:4px 0;padding-left:20px}dt{font-weight:600;margin-top:10px}dd{margin:0}
svg{display:block;width:100%}path{fill:none;vector-effect:non-scaling-stroke}
.ind{display:grid;grid-template-columns:minmax(130px,1fr) minmax(140px,2.2fr) 70px minmax(116px,.8fr) 66px 74px;
gap:2px 12px;align-items:center;padding:5px 0;border-top:1px solid var(--line)}.ind:first-child{border:0}
.ind>.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.ind .says{display:block;line-height:1.25}
.ind.titles .axis{font-size:1em}.ind.titles{color:var(--soft);font-size:.82em;padding-bottom:2px}
.ind b.weak{color:var(--h5)}.record{display:block;color:var(--soft);
word-break:break-all}.long ul{list-style:none;padding:0;margin:0}
.long li{margin-bottom:4px}
.whiskers{height:20px;overflow:visible}.scale{stroke:var(--line);stroke-width:1}.whisker{stroke:var(--accent);
stroke-width:3;stroke-linecap:round;opacity:.5}.dot{stroke:var(--accent);stroke-width:10;stroke-linecap:round}
.before{stroke:var(--soft);stroke-width:6;stroke-linecap:round;opacity:.6}
.axis{display:flex;justify-content:space-between;font-size:.78em;color:var(--soft);font-variant-numeric:tabular-nums;
line-height:1.5}
.many{display:grid;grid-template-columns:repeat(auto-fill,minmax(280px,1fr));gap:12px}
.many figure{margin:0;min-width:0}figcaption{display:flex;justify-content:space-between;gap:8px;font-size:.88em}
.plot{display:grid;grid-template-columns:50px 1fr;column-gap:6px}.plot>.ys{display:flex;flex-direction:column;
justify-content:space-between;text-align:right;font-size:.75em;line-height:1;color:var(--soft);
font-variant-numeric:tabular-nums}.plot>.axis{grid-column:2}
.trend{height:86px;overflow:visible}.grid{stroke:var(--line);stroke-width:1}.band{fill:var(--band)}
.line{stroke:var(--accent);stroke-width:1.8;stroke-linejoin:round}.single{stroke:var(--accent);stroke-width:5;
stroke-linecap:round}.hover{fill:transparent}.hover:hover{fill:var(--band)}
.rows{display:grid;grid-template-columns:minmax(90px,220px) 1fr 62px;gap:3px 10px;align-items:center}
.rows>.name{overflow-wrap:anywhere;line-height:1.2;font-size:.9em}.rows>.n{text-align:right;font-size:.88em;
font-variant-numeric:tabular-nums}.rows>.axis{grid-column:2}
.heat{height:20px}.closed{fill:var(--h5)}.open{fill:var(--h0)}
.h0{fill:var(--h0);background:var(--h0)}.h1{fill:var(--h1);background:var(--h1)}.h2{fill:var(--h2);background:var(--h2)}
.h3{fill:var(--h3);background:var(--h3)}.h4{fill:var(--h4);background:var(--h4)}.h5{fill:var(--h5);background:var(--h5)}
.h6{fill:var(--h6);background:var(--h6)}.hx{fill:var(--hx);background:var(--hx)}
.f-log{fill:var(--log);background:var(--log)}.f-tagged{fill:var(--tagged);background:var(--tagged)}
.f-quarantined{fill:var(--quarantined);background:var(--quarantined)}.f-filtered{fill:var(--filtered);
background:var(--filtered)}.f-duplicates{fill:var(--duplicates);background:var(--duplicates)}
.f-deadletters{fill:var(--deadletters);background:var(--deadletters)}
.legend{display:flex;flex-wrap:wrap;gap:2px 14px;font-size:.82em;color:var(--soft);margin:6px 0}
.legend i{display:inline-block;width:11px;height:11px;border-radius:2px;margin-right:5px;vertical-align:-1px}
.stacks{height:110px}.shares{height:18px;border-radius:3px}.boxes{height:96px}
.q0{fill:var(--accent);opacity:.14}.q1{fill:var(--accent);opacity:.22}.q2{fill:var(--accent);opacity:.42}
.median{stroke:var(--ink);stroke-width:1.6}
.top th{font-weight:400;overflow-wrap:anywhere;width:45%}.top td,.top th{padding:1px 8px 1px 0;font-size:.88em}
.barcell{width:30%;vertical-align:middle}.barcell i{display:block;height:9px;background:var(--accent);opacity:.45;
border-radius:2px}
.field{border-top:1px solid var(--line);padding:10px 0;break-inside:avoid}.field:first-of-type{border:0}
.facts{font-size:.88em;color:var(--soft)}
@media(max-width:700px){main{padding:14px 10px 40px}.card{padding:10px 12px}
.ind{grid-template-columns:1fr 64px 112px}.ind.titles{display:none}.ind>.svgcell{grid-column:1/-1;order:9}
.ind>.opt{display:none}.ind .says{display:none}.rows{grid-template-columns:minmax(76px,110px) 1fr 52px;gap:3px 7px}}
@media print{:root{color-scheme:light;--bg:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#ccc;--accent:#0b6fa4;
--band:#0b6fa426;--h0:#d5e8e0;--h1:#ebe8c4;--h2:#f8d795;--h3:#f2ab66;--h4:#de7142;--h5:#b93b2d;--h6:#7b1020;
--hx:#eceeef}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}main{max-width:none;padding:0}
figure,.ind,.head,.rows,.field,tr{break-inside:avoid}h2,h3,h2+p,h3+p{break-after:avoid}}
"""
