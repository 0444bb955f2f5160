import { render } from 'preact'
import 'uplot/dist/uPlot.min.css'
import '#dashboard/tokens.css'
import '#dashboard/page.css'
import '#dashboard/summary.css'
import '#dashboard/gate.css'
import '#dashboard/matrix.css'
import '#dashboard/charts.css'
import '#dashboard/tables.css'
import { Page } from '#dashboard/page.tsx'
import * as store from '#dashboard/store.ts'
import * as theme from '#dashboard/theme.ts'

theme.start()
store.start()
render(<Page />, document.getElementById('page')!)
