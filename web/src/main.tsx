import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './style/tokens.css';
import './style/base.css';
import './style/page.css';
import './style/top.css';
import './style/stage.css';
import './style/panels.css';
import './style/login.css';
import './style/narrow.css';
import { App } from './app.tsx';
import { LiveConnection } from './live.ts';
import { applyStoredTheme } from './theme.ts';

applyStoredTheme();
const root = document.getElementById('app');
if (root !== null) render(<App live={new LiveConnection('/api/live')} />, root);
