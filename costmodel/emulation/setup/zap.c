// SPDX-License-Identifier: GPL-2.0
/*
 * What an unmap and the release of its pages meet beside processes: a gather of pages, a zone with
 * per-CPU lists, an LRU, a memory cgroup. Linked for zap; the kernel's own functions fill it in
 * where they can be run.
 */
#include <linux/version.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/mmzone.h>
#include <linux/cgroup.h>
#include <linux/jump_label.h>
#include <linux/memcontrol.h>
#include <linux/percpu-refcount.h>
#include <linux/shrinker.h>
#include <asm/tlb.h>
#include "internal.h"

#define SINCE(major, minor) (LINUX_VERSION_CODE >= KERNEL_VERSION(major, minor, 0))

/* Pages of the per-CPU lists that go on to the buddy lists together, and what is never used up. */
#define BULK_PAGES 128
#define PLENTY (1L << 30)
/* Changes of a counter before it is carried on: calculate_normal_threshold() of 16 GiB and 8 CPUs. */
#define THRESHOLD 72
#define LIST_PAGES 2
#define SECTIONS 64

extern void *cm_alloc(unsigned long bytes);

#ifndef CONFIG_NUMA
struct pglist_data contig_page_data;
#endif
/* What the callers of the loop have on their stacks; the recorder takes both by name. */
struct mmu_gather cm_gather;
struct zap_details cm_details = {
	.zap_flags = ZAP_FLAG_DROP_MARKER,
#if !SINCE(7, 0)
	.even_cows = true,
#endif
};
/* Where CONFIG_BUG is set, a key that is switched before this is true warns. */
bool static_key_initialized = true;
#ifdef CONFIG_MEMCG
/* Without jump labels these are read: as they are where nobody says cgroup_disable=memory. */
DEFINE_STATIC_KEY_TRUE(memory_cgrp_subsys_enabled_key);
DEFINE_STATIC_KEY_TRUE(memory_cgrp_subsys_on_dfl_key);
static struct mem_cgroup *cm_memcg;
static void *cm_charged; /* what a folio's memcg_data is */
#endif

/* Whoever allocates here gets zeroed memory, enough for any of the structures that are made. */
void *cm_allocate(void);
void *cm_allocate(void)
{
	return cm_alloc(4 * PAGE_SIZE);
}
#define ALLOCATES(name) asm(".globl " #name "\n.set " #name ", cm_allocate")
ALLOCATES(__kmalloc);
ALLOCATES(__kmalloc_node);
ALLOCATES(__kmalloc_noprof);
ALLOCATES(__kmalloc_node_noprof);
ALLOCATES(__kmalloc_cache_noprof);
ALLOCATES(__kmalloc_cache_node_noprof);
ALLOCATES(kmalloc_trace);
ALLOCATES(kmalloc_node_trace);
ALLOCATES(kmem_cache_alloc);
ALLOCATES(kmem_cache_alloc_node);
ALLOCATES(kmem_cache_alloc_noprof);
ALLOCATES(kmem_cache_alloc_node_noprof);
ALLOCATES(__alloc_percpu);
ALLOCATES(__alloc_percpu_gfp);
ALLOCATES(pcpu_alloc_noprof);

#if defined(CONFIG_PREEMPT_DYNAMIC) && defined(CONFIG_HAVE_PREEMPT_DYNAMIC_CALL)
/* Where preemption is voluntary, booting lets calls of cond_resched() go to this. */
int cm_look(void) asm("__SCT__cond_resched");
int cm_look(void)
{
	return should_resched(0);
}
#endif

static struct zone *cm_zone(void)
{
	return &NODE_DATA(0)->node_zones[ZONE_NORMAL];
}

static void cm_ref(struct percpu_ref *ref)
{
	ref->percpu_count_ptr = (unsigned long)cm_alloc(PAGE_SIZE);
	ref->data = cm_alloc(PAGE_SIZE);
}

/* All frames are movable. */
static void cm_make_sections(void)
{
	struct mem_section *sections;
	unsigned long number, bit, bits = (1UL << (PFN_SECTION_SHIFT - pageblock_order)) * NR_PAGEBLOCK_BITS;

#ifdef CONFIG_SPARSEMEM_EXTREME
	mem_section = cm_alloc(PAGE_SIZE);
	mem_section[0] = cm_alloc(PAGE_SIZE);
#endif
	sections = mem_section[0];
	for (number = 0; number < SECTIONS && number < SECTIONS_PER_ROOT; number++) {
		struct mem_section_usage *usage = cm_alloc(sizeof(*usage) + bits / 8);

		for (bit = 0; bit < bits; bit += NR_PAGEBLOCK_BITS) /* the number of MIGRATE_MOVABLE is 1 */
			usage->pageblock_flags[bit / 64] |= (unsigned long)MIGRATE_MOVABLE << bit % 64;
		sections[number].usage = usage;
	}
}

static void cm_make_zone(void)
{
	struct pglist_data *node;
	struct zone *zone;
	struct per_cpu_pages *lists;
	int order, type;

#ifdef CONFIG_NUMA
	node_data[0] = cm_alloc(sizeof(struct pglist_data));
#else
	memset(&contig_page_data, 0, sizeof(contig_page_data));
#endif
	node = NODE_DATA(0);
	zone = cm_zone();
	node->per_cpu_nodestats = (void __percpu *)cm_alloc(sizeof(struct per_cpu_nodestat));
	zone->zone_pgdat = node;
	zone->name = "Normal";
	zone->initialized = 1;
	zone->spanned_pages = zone->present_pages = PLENTY;
	atomic_long_set(&zone->managed_pages, PLENTY);
	zone->per_cpu_zonestats = (void __percpu *)cm_alloc(sizeof(struct per_cpu_zonestat));
#ifdef CONFIG_SMP
	((struct per_cpu_nodestat *)node->per_cpu_nodestats)->stat_threshold = THRESHOLD;
	((struct per_cpu_zonestat *)zone->per_cpu_zonestats)->stat_threshold = THRESHOLD;
#endif
	spin_lock_init(&zone->lock);
	for (order = 0; order < ARRAY_SIZE(zone->free_area); order++)
		for (type = 0; type < MIGRATE_TYPES; type++)
			INIT_LIST_HEAD(&zone->free_area[order].free_list[type]);
	lists = cm_alloc(sizeof(struct per_cpu_pages));
	zone->per_cpu_pageset = (struct per_cpu_pages __percpu *)lists;
	spin_lock_init(&lists->lock);
	for (type = 0; type < NR_PCP_LISTS; type++)
		INIT_LIST_HEAD(&lists->lists[type]);
	/* Nothing leaves empty lists. */
#if SINCE(6, 7)
	lists->high_min = lists->high_max = PLENTY;
#endif
	lists->high = PLENTY;
	lists->batch = 63;
	lruvec_init(&node->__lruvec);
#ifdef CONFIG_MEMCG
	node->__lruvec.pgdat = node;
#endif
}

#ifdef CONFIG_MEMCG
static void cm_charge(struct page_counter *counter)
{
	for (; counter; counter = counter->parent)
		atomic_long_set(&counter->usage, PLENTY);
}

static struct mem_cgroup *cm_make_group(struct mem_cgroup *parent)
{
	struct cgroup_subsys_state *css =
		memory_cgrp_subsys.css_alloc(parent ? &parent->css : NULL);

	css->cgroup = cm_alloc(sizeof(struct cgroup));
	css->ss = &memory_cgrp_subsys;
	css->parent = parent ? &parent->css : NULL;
	cm_ref(&css->refcnt);
#if SINCE(6, 16)
	css->rstat_cpu = (void __percpu *)cm_alloc(sizeof(struct css_rstat_cpu));
	((struct css_rstat_cpu *)css->rstat_cpu)->updated_next = css;
	((struct css_rstat_cpu *)css->rstat_cpu)->lnode.next = cm_alloc(64);
#else
	css->cgroup->rstat_cpu = (void __percpu *)cm_alloc(sizeof(struct cgroup_rstat_cpu));
	((struct cgroup_rstat_cpu *)css->cgroup->rstat_cpu)->updated_next = css->cgroup;
#endif
	return mem_cgroup_from_css(css);
}

/* Large folios that are unmapped in part wait for a shrinker of their group. */
static struct shrinker_info *cm_make_shrinkers(void)
{
	struct shrinker_info *info = cm_alloc(sizeof(struct shrinker_info) + sizeof(void *));

#if SINCE(6, 7)
	info->unit[0] = cm_alloc(sizeof(struct shrinker_info_unit));
	info->map_nr_max = SHRINKER_UNIT_BITS;
#else
	info->map = cm_alloc(sizeof(long));
#if SINCE(6, 4)
	info->map_nr_max = BITS_PER_LONG;
#endif
#endif
	return info;
}

/* Pages are charged to a group below the root, as those of any service. */
static void cm_make_groups(void)
{
	struct mem_cgroup *root = cm_make_group(NULL);

	root->css.flags |= CSS_NO_REF;
	cm_memcg = cm_make_group(root);
	cm_charge(&cm_memcg->memory);
	cm_charge(&cm_memcg->memsw);
	cm_memcg->nodeinfo[0]->shrinker_info = cm_make_shrinkers();
	cm_charged = cm_memcg;
#if SINCE(7, 1)
	cm_charged = cm_alloc(sizeof(struct obj_cgroup));
	((struct obj_cgroup *)cm_charged)->memcg = cm_memcg;
	cm_ref(&((struct obj_cgroup *)cm_charged)->refcnt);
#endif
}
#endif

/* Makes all anew; called before every process. */
void cm_reset_more(void)
{
	cpumask_set_cpu(0, (struct cpumask *)&__cpu_possible_mask);
	cpumask_set_cpu(0, (struct cpumask *)&__cpu_online_mask);
	nodes_clear(node_states[N_POSSIBLE]);
	node_set(0, node_states[N_POSSIBLE]);
#if MAX_NUMNODES > 1
	nr_node_ids = 1;
#endif
	cm_make_sections();
	cm_make_zone();
#ifdef CONFIG_MEMCG
	cm_make_groups();
#endif
}

static void cm_place(struct page *page)
{
	set_page_zone(page, ZONE_NORMAL);
	set_page_node(page, 0);
}

/* Charges a folio and puts it on the LRU. */
void cm_folio_more(struct folio *folio)
{
	long i;

	for (i = 0; i < folio_nr_pages(folio); i++)
		cm_place(folio_page(folio, i));
#ifdef CONFIG_MEMCG
	folio->memcg_data = (unsigned long)cm_charged;
#endif
	lruvec_add_folio(folio_lruvec(folio), folio);
}

/* A folio that is mapped in part was unmapped in part before. */
void cm_map_more(struct folio *folio, long pages)
{
#if SINCE(6, 12)
	if (folio_test_large(folio) && pages < folio_nr_pages(folio))
		deferred_split_folio(folio, true);
#endif
}

/*
 * Fills the per-CPU lists with folios that were freed long before: from now on as many pages leave
 * the lists as come in. Folio i begins at frame pfn + i * step.
 */
void cm_fill_lists(unsigned long pfn, unsigned long order, unsigned long count, unsigned long step);
void cm_fill_lists(unsigned long pfn, unsigned long order, unsigned long count, unsigned long step)
{
	struct per_cpu_pages *lists = (struct per_cpu_pages *)cm_zone()->per_cpu_pageset;
	int index = MIGRATE_PCPTYPES * order + MIGRATE_MOVABLE;
	unsigned long i, page;

#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	if (order > PAGE_ALLOC_COSTLY_ORDER)
		index = NR_PCP_LISTS - 1;
#endif
	for (i = 0; i < count; i++, pfn += step) {
		for (page = 0; page < 1UL << order; page++) {
			cm_place(pfn_to_page(pfn + page));
			atomic_set(&pfn_to_page(pfn + page)->_mapcount, -1); /* 6.1 looks at it */
		}
		list_add(&pfn_to_page(pfn)->lru, &lists->lists[index]);
		lists->count += 1 << order;
	}
	lists->high = lists->count;
#if SINCE(6, 7)
	lists->high_min = lists->high_max = lists->high;
	lists->batch = BULK_PAGES >> CONFIG_PCP_BATCH_SCALE_MAX;
	lists->free_count = BULK_PAGES;
#else
	lists->batch = BULK_PAGES;
#endif
}

/* How many pages the allocator has: in its per-CPU lists and in the zone's. */
long cm_free_pages(void);
long cm_free_pages(void)
{
	struct zone *zone = cm_zone();
	long pages = ((struct per_cpu_pages *)zone->per_cpu_pageset)->count;
	int order;

	for (order = 0; order < ARRAY_SIZE(zone->free_area); order++)
		pages += (long)zone->free_area[order].nr_free << order;
	return pages;
}

/*
 * Begins to gather, with pages of the list that an earlier round has left. Where the whole address
 * space goes, as at an exit, nobody can touch it any more.
 */
void cm_gather_begin(struct vm_area_struct *vma, long whole);
void cm_gather_begin(struct vm_area_struct *vma, long whole)
{
	struct mmu_gather_batch *batch;
	int i;

	memset(&cm_gather, 0, sizeof(cm_gather));
	if (whole)
		tlb_gather_mmu_fullmm(&cm_gather, vma->vm_mm);
	else
		tlb_gather_mmu(&cm_gather, vma->vm_mm);
	batch = &cm_gather.local;
	for (i = 0; i < LIST_PAGES; i++) {
		batch->next = cm_alloc(PAGE_SIZE);
		batch = batch->next;
		batch->max = MAX_GATHER_BATCH;
		cm_gather.batch_count++;
	}
}

/* Unmaps a whole mapping, as munmap() and exit do behind their work on the mapping itself. */
void cm_unmap(struct vm_area_struct *vma);
void cm_unmap(struct vm_area_struct *vma)
{
#if SINCE(7, 0)
	zap_vma_range_batched(&cm_gather, vma, vma->vm_start, vma->vm_end - vma->vm_start, &cm_details);
#else
	unmap_page_range(&cm_gather, vma, vma->vm_start, vma->vm_end, &cm_details);
#endif
}

/* Slots of the gather's list that are used. */
long cm_slots(void);
long cm_slots(void)
{
	struct mmu_gather_batch *batch;
	long slots = 0;

	for (batch = &cm_gather.local; batch; batch = batch->next)
		slots += batch->nr;
	return slots;
}

/*
 * Whether the gather asks for a flush of all that was unmapped. Where mappings do not share a flush
 * (arm64), tlb_end_vma() has flushed already, unless the whole address space goes.
 */
long cm_asks_flush(struct vm_area_struct *vma);
long cm_asks_flush(struct vm_area_struct *vma)
{
	if (!IS_ENABLED(CONFIG_MMU_GATHER_MERGE_VMAS) && !cm_gather.fullmm)
		return !cm_gather.cleared_ptes && !cm_gather.cleared_pmds;
	return (cm_gather.cleared_ptes || cm_gather.cleared_pmds) &&
	       cm_gather.start <= vma->vm_start &&
	       cm_gather.end >= vma->vm_end;
}

/* Releases the pages of the list. The flush is the machine's to price: here it was done before. */
void cm_release(void);
void cm_release(void)
{
	tlb_flush_mmu(&cm_gather);
}

void cm_flushed(void);
void cm_flushed(void)
{
	cm_gather.cleared_ptes = cm_gather.cleared_pmds = 0;
}
