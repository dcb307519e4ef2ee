"""The functional model: page tables, folios and TLB state that strategies act on."""
