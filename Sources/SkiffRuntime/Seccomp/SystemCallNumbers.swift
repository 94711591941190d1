// Written by SystemCallTableWriter of the tests; not to be edited by hand.
//
// Text holds the numbers, because a literal of text needs no work when the program starts: two characters are one
// number, each six bits of it, counted from "0". 4095 ("oo") stands for none.

/// The numbers that Linux gives to system calls, architecture by architecture, as static text.
enum SystemCallNumbers {
  /// How many names there are.
  static let count = 505
  /// How many slots the hash table has.
  static let slotCount = 1024

  /// Every name, in order, with nothing between.
  static let names = #"""
    _llseek_newselect_sysctlacceptaccept4accessacctadd_keyadjtimexafs_syscallalarmarch_prctlarm_fadvise64_64arm_sync\#
    _file_rangebdflushbindbpfbreakbreakpointbrkcachectlcacheflushcachestatcapgetcapsetchdirchmodchownchown32chrootcl\#
    ock_adjtimeclock_adjtime64clock_getresclock_getres_time64clock_gettimeclock_gettime64clock_nanosleepclock_nanosl\#
    eep_time64clock_settimeclock_settime64cloneclone3closeclose_rangeconnectcopy_file_rangecreatcreate_moduledelete_\#
    moduledupdup2dup3epoll_createepoll_create1epoll_ctlepoll_ctl_oldepoll_pwaitepoll_pwait2epoll_waitepoll_wait_olde\#
    ventfdeventfd2execveexecveatexitexit_groupfaccessatfaccessat2fadvise64fadvise64_64fallocatefanotify_initfanotify\#
    _markfchdirfchmodfchmodatfchmodat2fchownfchown32fchownatfcntlfcntl64fdatasyncfgetxattrfile_getattrfile_setattrfi\#
    nit_moduleflistxattrflockforkfremovexattrfsconfigfsetxattrfsmountfsopenfspickfstatfstat64fstatat64fstatfsfstatfs\#
    64fsyncftimeftruncateftruncate64futexfutex_requeuefutex_time64futex_waitfutex_waitvfutex_wakefutimesatget_kernel\#
    _symsget_mempolicyget_robust_listget_thread_areaget_tlsgetcpugetcwdgetdentsgetdents64getegidgetegid32geteuidgete\#
    uid32getgidgetgid32getgroupsgetgroups32getitimergetpeernamegetpgidgetpgrpgetpidgetpmsggetppidgetprioritygetrando\#
    mgetresgidgetresgid32getresuidgetresuid32getrlimitgetrusagegetsidgetsocknamegetsockoptgettidgettimeofdaygetuidge\#
    tuid32getxattrgetxattratgttyidleinit_moduleinotify_add_watchinotify_initinotify_init1inotify_rm_watchio_cancelio\#
    _destroyio_geteventsio_pgeteventsio_pgetevents_time64io_setupio_submitio_uring_enterio_uring_registerio_uring_se\#
    tupioctliopermioplioprio_getioprio_setipckcmpkexec_file_loadkexec_loadkeyctlkilllandlock_add_rulelandlock_create\#
    _rulesetlandlock_restrict_selflchownlchown32lgetxattrlinklinkatlistenlistmountlistnslistxattrlistxattratllistxat\#
    trlocklookup_dcookielremovexattrlseeklsetxattrlsm_get_self_attrlsm_list_moduleslsm_set_self_attrlstatlstat64madv\#
    isemap_shadow_stackmbindmembarriermemfd_creatememfd_secretmigrate_pagesmincoremkdirmkdiratmknodmknodatmlockmlock\#
    2mlockallmmapmmap2modify_ldtmountmount_setattrmove_mountmove_pagesmprotectmpxmq_getsetattrmq_notifymq_openmq_tim\#
    edreceivemq_timedreceive_time64mq_timedsendmq_timedsend_time64mq_unlinkmremapmsealmsgctlmsggetmsgrcvmsgsndmsyncm\#
    ultiplexermunlockmunlockallmunmapname_to_handle_atnanosleepnewfstatatnfsservctlniceoldfstatoldlstatoldoldunameol\#
    dstatoldunameopenopen_by_handle_atopen_treeopen_tree_attropenatopenat2pausepciconfig_iobasepciconfig_readpciconf\#
    ig_writeperf_event_openpersonalitypidfd_getfdpidfd_openpidfd_send_signalpipepipe2pivot_rootpkey_allocpkey_freepk\#
    ey_mprotectpollppollppoll_time64prctlpread64preadvpreadv2prlimit64process_madviseprocess_mreleaseprocess_vm_read\#
    vprocess_vm_writevprofprofilpselect6pselect6_time64ptraceputpmsgpwrite64pwritevpwritev2query_modulequotactlquota\#
    ctl_fdreadreadaheadreaddirreadlinkreadlinkatreadvrebootrecvrecvfromrecvmmsgrecvmmsg_time64recvmsgremap_file_page\#
    sremovexattrremovexattratrenamerenameatrenameat2request_keyrestart_syscallriscv_flush_icacheriscv_hwprobermdirrs\#
    eqrseq_slice_yieldrt_sigactionrt_sigpendingrt_sigprocmaskrt_sigqueueinfort_sigreturnrt_sigsuspendrt_sigtimedwait\#
    rt_sigtimedwait_time64rt_tgsigqueueinfortass390_guarded_storages390_pci_mmio_reads390_pci_mmio_writes390_runtime\#
    _instrs390_sthyisched_get_priority_maxsched_get_priority_minsched_getaffinitysched_getattrsched_getparamsched_ge\#
    tschedulersched_rr_get_intervalsched_rr_get_interval_time64sched_setaffinitysched_setattrsched_setparamsched_set\#
    schedulersched_yieldseccompsecurityselectsemctlsemgetsemopsemtimedopsemtimedop_time64sendsendfilesendfile64sendm\#
    msgsendmsgsendtoset_mempolicyset_mempolicy_home_nodeset_robust_listset_thread_areaset_tid_addressset_tlssetdomai\#
    nnamesetfsgidsetfsgid32setfsuidsetfsuid32setgidsetgid32setgroupssetgroups32sethostnamesetitimersetnssetpgidsetpr\#
    ioritysetregidsetregid32setresgidsetresgid32setresuidsetresuid32setreuidsetreuid32setrlimitsetsidsetsockoptsetti\#
    meofdaysetuidsetuid32setxattrsetxattratsgetmaskshmatshmctlshmdtshmgetshutdownsigactionsigaltstacksignalsignalfds\#
    ignalfd4sigpendingsigprocmasksigreturnsigsuspendsocketsocketcallsocketpairsplicespu_createspu_runssetmaskstatsta\#
    t64statfsstatfs64statmountstatxstimesttysubpage_protswapcontextswapoffswaponswitch_endiansymlinksymlinkatsyncsyn\#
    c_file_rangesync_file_range2syncfssys_debug_setcontextsyscallsysfssysinfosyslogsysmipsteetgkilltimetimer_createt\#
    imer_deletetimer_getoverruntimer_gettimetimer_gettime64timer_settimetimer_settime64timerfdtimerfd_createtimerfd_\#
    gettimetimerfd_gettime64timerfd_settimetimerfd_settime64timestkilltruncatetruncate64tuxcallugetrlimitulimitumask\#
    umountumount2unameunlinkunlinkatunshareuprobeuretprobeuselibuserfaultfdusr26usr32ustatutimeutimensatutimensat_ti\#
    me64utimesvforkvhangupvm86vm86oldvmsplicevserverwait4waitidwaitpidwritewritev
    """#

  /// Where each name starts in `names`: one more than there are names, high twelve bits first.
  static let starts = #"""
    00000007000A000H000N000U000[000_000f000n0019001>001H001X001k002200260029002>002H002K002S002]002f002l00320037003<\#
    003A003H003N003[003j0046004I004V004e0054005J005W005f005k00610066006A006H006W006\006i00760079007=007A007M007Z007c\#
    0080008;008G008Q008_008f008n0094009<009@009J009S009]009f00:200:;00:H00:U00:[00:a00:i00;200;800;@00;H00;M00;T00;]\#
    00;f00<200<>00<J00<T00<Y00<]00<i00=100=:00=A00=G00=M00=R00=Y00=b00=i00>200>700><00>E00>P00>U00>b00>n00?800?C00?M\#
    00?V00?e00@200@A00@P00@W00@]00@c00@k00A500A<00AE00AL00AU00A[00Ac00Al00B700B@00BK00BR00BY00B_00Bf00Bm00C800CA00CJ\#
    00CU00C^00Ci00D200D;00DA00DL00DV00D\00Dh00Dn00E600E>00EH00EL00EP00E[00El00F800FE00FU00F^00Fh00G400GA00GU00G]00Gf\#
    00H400HE00HS00HX00H^00Hb00Hl00I600I900I=00IL00IV00I\00I`00J100JH00J^00Jd00Jl00K500K900K?00KE00KN00KT00K]00Kh00L2\#
    00L600LD00LP00LU00L^00Lo00M?00MP00MU00M\00Mc00N300N800NB00NN00NZ00Ng00Nn00O300O:00O?00OF00OK00OQ00OY00O]00Ob00Ol\#
    00P100P>00PH00PR00PZ00P]00Pj00Q300Q:00QI00Q_00Qk00R>00RG00RM00RR00RX00R^00Rd00Rj00Ro00S:00SA00SK00SQ00Sb00Sk00T5\#
    00T?00TC00TK00TS00T^00Te00Tm00U100UB00UK00UY00U_00Uf00Uk00V;00VI00VX00Vg00W200W=00WG00WX00W\00Wa00Wk00X500X>00XK\#
    00XO00XT00X`00Xe00Xl00Y200Y900YB00YQ00Ya00Z100ZB00ZF00ZL00ZT00Zc00Zi00[000[800[?00[G00[S00[[00[f00[j00\300\:00\B\#
    00\L00\Q00\W00\[00\c00\k00]:00]A00]Q00]\00]i00]o00^700^@00^K00^Z00^l00_900_>00_B00_R00_^00_k00`900`H00`T00`a00a0\#
    00aF00aW00a[00ao00bA00bT00bf00c000cF00c\00cm00d:00dH00dZ00do00eK00e\00ei00f700fI00fT00f[00fc00fi00fo00g500g:00gD\#
    00gU00gY00ga00gk00h300h:00h@00hM00hd00i300iB00iQ00iX00ie00im00j700j?00jI00jO00jW00j`00jk00k600k?00kD00kK00kV00k^\#
    00kh00l100l<00lE00lP00lX00lb00lk00m100m;00mG00mM00mU00m]00mg00mo00n400n:00n?00nE00nM00nV00na00ng00no00o800oB00oM\#
    00oV00o`00of0100010:010@010J010Q010Y010]010c010i0111011:011?011D011H011T011_011f011l0129012@012I012M012\012l0132\#
    013F013M013R013Y013_013f013i013o0143014?014K014[014h0157015D015S015Z015h0167016H016W016h016m0172017:017D017K017U\#
    017[017`017f017m01820188018@018G018M018V018\018g018l01910196019;019D019T019Z019_019f019j01:101:901:@01:E01:K01:R\#
    01:W01:]
    """#

  /// Name by hash (FNV-1a, linear probing).
  static let slots = #"""
    5Eoooooooo6Q0K4^1K2foo21oooooooooooo0_oo5coooo1_oo1Qoo3koooooooo5Q1Ioo6b2Qoooooooooooooo403a4foo4C5Z6^1Woooooo0V\#
    4G0e39oo2Boooooo13oo333:7U6noooooooo2G35oooooooooooo0Joooooo521goooooooooooooooo17oooooo1coo1:oooo3b4b2<6Voooooo\#
    1@oo2Voo7:751Hoooooooooooooo5Moooo2i5G6joo1hoo2Ooooo4<3_oooooo3?5Hoooo7Toooooo1o4loo4Soooooo44oo2j2@oooo243noooo\#
    oo7Z06oo5noooo5\oooooooooo3V4H0F1n5C6eoooooo6D6R6W7>oooo5X6]72oooo420Q6foooo1ioooooo7I0T1R6Xoo0foo5W0:oo0o3]16oo\#
    oooooooooooooooooooo4joooo0m0B326Too6C5B5^0Goooooo0\oooo1J2L7doooooooooooooooooo0Ooooooo2Koo2?oo01oo3P3j43oooooo\#
    oooooooo1Soo1T2Z620S26oooooooooooooo2>2g4U2\2_4W6065415_6_7Doo4Qoooo20oo5P0Eoooooo6=oooo4Roo6Y3J7Loooooo3Doo3G61\#
    oo74oo5<6ioooo4M7[0[1=oooooooooo5e5moo7\5K0I2`3B2;7Hoooooooo5foooooooooooooo2noo0A190C1b0b2:1N5F255]oo672loooooo\#
    oooooooo2^oo34515J3A4F68oo09oooooo2d706Ooooo5[oo6<0noooooooooo0U5Ioooooo37oooo78oooooooo22oo1Uoo7?oo0D4[3W5U5joo\#
    1G3;66187Yoooooooo3o530@oooooo3Ioooooooooooooooo3Eoooooo2A2C76oooo5Toooooo0W1[0>0h4i5aoooo2X3`1E7coo1549oooooooo\#
    024A4N7C3loo2F6Foo5:oooooooooo7Qoo6Noo3U3goo5doooo0koo3\oooooooo2P5;712Eoo4m6hoo5N3C2W4koo4>0aoooo03oooo6S5Voo1j\#
    oooooo1\oo5goo2Noooo0=0`oo6aoooooo3127oooo7^oooo5Roooo585L5o6K0ioooo7P3coooooooooooo6[oooo3Foooo1Foooooooo3@oo3S\#
    oo2koooo6Uoo5Soooooooooooooo3Yoooo3>0M1>7X6Poo4Toooooo3hoo10oo2U360H4Yoooooooooooo4B1Zoooooooo6\29oo7Soooooooo1O\#
    1]5D1L1a1e6:2m6c7A4?7<7F7Joo3L5boooo0d1D2R081Y2b3i5O3K231k3O1^5h6A737=7Eoooooooooo4d2o6J4Joo2=1f6Boooo2Doooo1Coo\#
    oooooo1P6Moooo552h59471;460;1B3Q4@4o6`05633[oo5loo1X12oo6ooooooooooooooooo1l3Z285Y0<6>1<6d7Moo2[38oooooooo0g4`0c\#
    141d4X6?306L4:6l3d7_oooooo5?7W2H2]114O0Z4=4V7h6g3Xoo0^2T45560?7]7f2Yoo3<3eoo6Hoooo4;oooooo4g7@2S5=6m6;oooooooooo\#
    oooooooooo0l1moooo4Eoooo7Voooooooooooo0j3=7a7goooooooo0R6Goooo0Loooooooooooooooo3Noo1Aoo79oooooooooooo6E2M5i7`5A\#
    7boo0Xoo4coo00oooooooooooo2I481?4D4h5k2J3M3R4a7K4I6I6k7O7R7eoo4L3T4Poo0Y2a57oo0464oooo3H4Zoooo3foooooooooooooo7G\#
    074e5`oo50oo2e1Moooo3moooo4_oooo6@7;oooo7B5>54oo1Voo0N4n0P5@oooo4]oo1`oo4\697Noooooooooo772coooooooooooooooooooo\#
    oo3^4K6Zoooooooooooooooooo0]oooo
    """#

  /// The call's number inside socketcall(2), or 64 more than that inside ipc(2).
  static let multiplexed = #"""
    oooooo050Boooooooooooooooooooo02oooooooooooooooooooooooooooooooooooooooooooooooooooooooo03oooooooooooooooooooooo\#
    oooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo\#
    oooooooooooooooooooooooooooooooooooo07oooooooooooooooooooooooooooo060?oooooooooooooooooooooooooooooooooooooooooo\#
    oooooooooooooooooooooooooooooooooooooooooo04oooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo\#
    oooooooooooooooooooooooooooooo1>1=1<1;oooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo\#
    oooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo0:0<0Coo0Aoooooooooooooooooooooooooooooooooooooooooo\#
    oooooooooooooooooooooooooooooooooooooooooooooo13121114oo09oooo0D0@0;oooooooooooooooooooooooooooooooooooooooooooo\#
    oooooooooooooooo0>oooooooooooo1E1H1F1G0=oooooooooooooooooo01oo08oooooooooooooooooooooooooooooooooooooooooooooooo\#
    oooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo\#
    oo
    """#

  static let x86_64 = #"""
    oooo2L0[4P0E2S3h2O2g0U2Noooooo0a51oooo0<oooo731m1n1@1J1Loo2Q4aoo3Uoo3Too3Voo3Soo0h6c036d0Z561E2^2`0P0Q4T3E4S3Y3F\#
    4I6i3X3G4L4R0k520l3W4=6g3Moo4M4\4]1A1K4<741Moo4418oo1;317D7E4i34190i376_2n6`6^6a05oooo2:oo1:oo1=oo3:78oo77717645\#
    2a3_4B3Coo4e1?1>3I1\oo1[oo1Xoo1coo0T0d1i1_0W2e1^2<4n1hoo1foo1Q1R1l0c0g2j1P1Voo2o7@oooo2_3n3m4V3o3B3?3@5=oo3>3A6Z\#
    6[6Y0@2]2\3l3koo4h503f3j0n6m6l6n1Noo301F490b7:7F327A33oo3D36082m7;7=7<06oo0L753]544o6o400K1C4225432E552G09oo2J2U\#
    6j6]4G0:oo3e3d3`3coo3boo3a0I7>171416150Joo2F2H0;4_0S462doooooooooooo024`6\7C416e0Roooooo4Z276f6b6X0F4U2K5:5;5907\#
    4?oo2M0A4W574^6h704f4goooo4>oo1U2f0B4X582b2c6k002koo1I4;0C2Yoo0]4[oo0_3H357B1B484l3i3Koooo1D5>7G0=1o0>210?2220oo\#
    4Yoooooooooooo2B2C3<4k2?2A2Doo3;4j2>2@0H4m2i0G1210113Loooo0Xoo4c0^0\3^724A3=3Joo2[1koo1joo1Zoo1doo2Z0V4d1]2=1boo\#
    1goo1eoo1aoo2P1`0f2T1Yoo2l7?oo0N0O130M0`oo23oo4J4Qoooooooo0Yoo0e4Coooooo04oo29oo795<oooooooo2X2Woo1H4:2R4Eoo4boo\#
    oo2;1S1Woo4D3Z393N3R3Q3Poo3Ooooo4K4Ooo4Noo1T381<oo2hoooo1Ooo2V0o1G474@5@5?2653oooo28244Hoo3[0j2Ioooo4F3\0m3goo01\#
    0D
    """#

  static let x86 = #"""
    2<2>2Eoo5\0Q0c4N1l290K60oooo265Y5U0Aoo0]oooo732h2i0<0?2f3D0m5G6E4:6F496C4;6G486D1h6c066d5Z5i081o210Y0o5:3n593ooo\#
    4o6i40oo53580;5V013l4c6g3j4@545B5C251N4b741O3?4Z0g3M2D3W7D7E5N3Z2?023]6_3T6`6^6a1\354\1T4=1f0S1M323`786V7771764[\#
    224C4h3doo4n2g2=3L0b3:0a390_381@3=1Y5`24110D2l101P5S2[3C2U3A1<1=2C5_5]3P1>0H373U7@0P1`204T4S5<4U3i3f3g616P3e3h6Z\#
    6[6Y0f1U1^4R4Q1e5Moo4K4P0U6m6l6n0@363V094_5[7:7F3X7A3Y0e3m3\0C3S7;7=7<1[343K754B5g5T6o4V3J0W4X0>4Y2F5h2H1J301k0E\#
    6j6]4m1m0h4J4I4E4H6S4G6R4F2S7>6B6?6A6@2@oo2G2I1K5E2Roo2Y0R0L1D0k0B1]055F6\7C4W6e0Moooooo5@286f6b6X0Z5;3I5m5n5l2X\#
    4e6N2\2d5=5j5D6h705K5L0\1R4d6M0J2m2e5>5k2W236k033Q1I1E4a2A1Hoo5c5A6Q5d413[7B0V4^5Q4O00oooo0X627G2^2`2_2b2]2c2a6U\#
    5?oooooooooooo2O2P3b5P2K2M2Q6W3a5O2J2L2N5Roo1B6:69oooo6Too2k3_5I5b5a4D724g3c42oo1i2;3H2:3G0^3F1A3>1:1X5J0i1Q173<\#
    2Z3B2T3@163;1;125^1?0G3E3R7?146=6<6>6;5e132j0`5157191n1g185W1V5X4ioooo151Z331S4<795o0I0Ooooo1c1Goo1C4`0T4joo5Hoo\#
    oo271d1Woo4k4>0=434746456H446Ioo52566J556K0[3^1L31oo2o0j0l0F0d1j0:4]4foooo1F5foooo0n0N506L4?2n1_2V1a4l4A1b4L0704\#
    2B
    """#

  static let x32 = #"""
    oooooo0[4P0E2S3h2O2g0U2Noooooo0a51oooo0<oooo731m1n1@1J1Loo2Q4aoo3Uoo3Too3Voo3Soo0h6c036d0Z561Eoo2`0P0Q4T3E4S3Yoo\#
    4I6i3Xoo4L4R888Q0l3W4=6g3Moo4M4\4]1A1K4<741Moo4418oo1;317D7E4i34190i376_2n6`6^6a05oooo2:oo1:oo1=oo3:78oo77717645\#
    oo3_8Coooo4e1?1>3I1\oo1[oo1Xoo1coo0T0d1i1_0W2e1^2<4n1hoo1foo1Q1R1l0c8N2j1P1Voo2o7@oooo2_3n3m4V3o3B3?3@5=oo8O8P6Z\#
    6[6Y822]2\3l3koo4h508@3j0n6m6l6n1Noo301F490b7:7F327A33oo3D36082m7;7=7<06oo0Loo3]544o6o400K1C4225432E552G09oo2J2U\#
    6j6]8E0:oo3e8?3`3coo3boo3a0I7>171416150Joo2F2H0;4_0S46oooooooooooooo024`6\7C416e0Roooooo4Z276f6b6X0F4U2K5:5;5907\#
    4?oo2M0A8F8R4^6h708K8Loooo4>oo892f0B8G8Soo2c6k002koo1I4;832Yoo858Ioo873H357B1B484l3i3Koooo1D5>7G808:0>8<81228;oo\#
    8Hoooooooooooo2B2C3<4k2?2A2Doo3;4j2>2@0H4m2i0G1210113Loooo0Xoo8J860\3^728Boo3Joo2[1koo1joo1Zoo1doo2Z0V4d1]2=1boo\#
    1goo1eoo1aoo2P1`8M2T1Yoo2l7?oo0N0O130M0`oo8=oo4J4Qoooooooo0Yoo0e4Coooooo04oo29oo795<oooooooo2X2Woo1H4:2R4Eoo4boo\#
    oo2;1S1Woo4D3Z398>3R3Q3Poo3Ooooo4K4Ooo4Noo1T381<oo2hoooo1Ooo2V0o1G474@5@5?oo53oooo28244Hoo3[0j2Ioooo8Doo0m8Aoo01\#
    84
    """#

  static let arm = #"""
    2<2>2E4M5^0Q0c4e1loooooo4>5E264J62oo@10]oo@2732h2i0<0?2f3D0m5d6E486F476C496G466D1h6c066d4K6708oo210Y0o5V3j5U3koo\#
    5J6i3loo5O5T0;63013h5>6goooo5P5_5`251N5=741O3?550g3M2D3W7D7E5k3Z2?023]6_3T6`6^6a1\35571T4;1foo1M323`786V77717656\#
    oo505Coo@65I2g2=3I0b3:0a390_381@3=1Y4O24110Doo101P602[3C2U3Aoo1=2C4N4W3P1>0H373U7@oooo204m4l5X4n3g3d3e6?6P3c3f6Z\#
    6[6Y0foooo4k4joo5j6A5K4g0U6m6l6n0@363V095:4L7:7F3X7A3Yoo3i3\0C3S7;7=7<1[343L754o6561oo6@3K0W530>542F662Hoo30oo0E\#
    6j6]5H1moo4G4F4B4E6S4D6R4C2S7>4`4_4^4]2@oo2G2I1K5b2Roo2Y0Roooooooooo055c6\7C526e0M4?4@4A5\286f6b6X0Z5W3J6;6<6:2X\#
    5@6N2\2d5Y685a6h705h5ioooo5?6M0Joo2e5Z69oo236k033Qoo1E5<2A1H4S4T5]6Q4Y3m3[7B0V595n4f00oooo0X6>7G2^2`2_2b2]2c2a6U\#
    5[oooooooooooo2O2P3b5m2K2M2Q6W3a5l2J2L2N5ooooo4\4[4Z4h6T4Q2k3_5f4X4R51725Boo40@51i2;3H2:3G0^3F1A3>1:1X5g0i1Q173<\#
    2Z3B2T3@163;1;124V1?0G3E3R7?oo4a4d4b4c4U132joo5M5S191n1g184Ioo4P5Doooooo1Z331S4:796=oooooooo1c1Goo1C5;0Toooo5eoo\#
    oo271d1Woo5F4<oo414544436H426Ioo5N5R6J5Q6K0[3^1L31oo2ooo0loo0d1j0:585Aoooo1F64@3@40noo5L6L4=2n1_oooo5G4i1b4Hoo04\#
    2B
    """#

  static let aarch64 = #"""
    oooooo3:3boo1I3I2[oooooooooooo384Hoooo3Foooo731J1K0aoooooo0c4:oo1boo1aoo1coo1`oo3L6c0i6d3;4Moooo1Z0Goo0Hoo0D0Eoo\#
    0F6ioooooo0C3M4I1M1N0`6g3Ooo0_46470b0d0e740goo0f0Ioo1C0:7D7E4A0=0Poo0@6_076`6^6a1@oooo0\oo1Boo0^oo1R78oo777176oo\#
    oo3\1Toooo2X0Aoo0m2aoo2_oo2`oo2Noo1V3=2Koo2\oo2]2=4F2Foo2Doo2S2U2L3<3A2b2Y2^oo087@oooo1Y0Koo0J0L0301044Too00026Z\#
    6[6Y0Moooo0O0Noo4@4V1X3K216m6l6noooo09oo0U397:7F0;7A0<oo0B0?0n067;7=7<oooo3Y753[4K4G6o3^3Xoo0Roo0Q3T4L3V3Noooo0X\#
    6j6]3_3Roo2i2h2d2goo2foo2e3H7>2k2j2l2m3Soo3U3W3G481U1?0Zoooooooooooooo496\7C0h6eoooooooo3a1L6f6b6Xoo0k0Y4Q4R4Poo\#
    19oo2W13154N456h704>4?oooo18oo1eoo14164Ooo0l6k0o3Eoooo1>112>oo3?3coo3D3Z0>7Boo0V4D3J20oooooo4U7G2628272:2;2529oo\#
    3`oooooooooooo1m1n1k4C1i1h1ooo1j4B1f1g1l4Eoooo2o2n3130oooo17oo4=3C3>3]721Soo1Poo2R2Hoo2Goo2@oo2Ooo2Q1W4<2J2<2?oo\#
    2Eoo2Coo2Aoo2T2M3@2Z2Boo057?oo343335323Boo24oooo1:oooooooo36oo371<oooooooooo0[oo794Soooooooo3Q3Poooo0T1A1Doo4;oo\#
    oooo2c1doo1=23oo1[1_1]1\oo1^oooo1E1Goo1Foo2I220]oooooooo2Voo0W2Poo0S1Qoooooo4Joooooooo1Hoooooo0joooo1;oo441Ooo10\#
    12
    """#

  static let riscv64 = #"""
    oooooo3:3boo1I3I2[oooooooooooo384Hoooo3Foooo731J1K0aoooooo0c4:oo1boo1aoo1coo1`oo3L6c0i6d3;4Moooo1Z0Goo0Hoo0D0Eoo\#
    0F6ioooooo0C3M4I1M1N0`6g3Ooo0_46470b0d0e740goo0f0Ioo1C0:7D7E4A0=0Poo0@6_076`6^6a1@oooo0\oo1Boo0^oo1R78oo777176oo\#
    oo3\1Toooo2X0Aoo0m2aoo2_oo2`oo2Noo1V3=2Koo2\oo2]2=4F2Foo2Doo2S2U2L3<3A2b2Y2^oo087@oooo1Y0Koo0J0L0301044Too00026Z\#
    6[6Y0Moooo0O0Noo4@4V1X3K216m6l6noooo09oo0U397:7F0;7A0<oo0B0?0n067;7=7<oooo3Y753[4K4G6o3^3Xoo0Roo0Q3T4L3V3Noooo0X\#
    6j6]3_3Roo2i2h2d2goo2foo2e3H7>2k2j2l2m3Soo3U3W3G481U1?0Zoooooooooooooo496\7C0h6eoooooooo3a1L6f6b6Xoo0k0Y4Q4R4Poo\#
    19oo2W13154N456h704>4?oooo18oo1eoo14164Ooo0l6k0o3Eoooo1>112>oo3?3coo3D3Z0>7Boooo4D3J204342oo4U7G2628272:2;2529oo\#
    3`oooooooooooo1m1n1k4C1i1h1ooo1j4B1f1g1l4Eoooo2o2n3130oooo17oo4=3C3>3]721Soo1Poo2R2Hoo2Goo2@oo2Ooo2Q1W4<2J2<2?oo\#
    2Eoo2Coo2Aoo2T2M3@2Z2Boo057?oo343335323Boo24oooo1:oooooooo36oo371<oooooooooo0[oo794Soooooooo3Q3Poooo0T1A1Doo4;oo\#
    oooo2c1doo1=23oo1[1_1]1\oo1^oooo1E1Goo1Foo2I220]oooooooo2Voo0W2Poo0S1Qoooooo4Joooooooo1Hoooooo0joooo1;oo441Ooo10\#
    12
    """#

  static let loongarch64 = #"""
    oooooo3:3boo1I3I2[oooooooooooo384Hoooo3Foooo731J1K0aoooooo0c4:oo1boo1aoo1coo1`oo3L6c0i6d3;4Moooo1Z0Goo0Hoo0D0Eoo\#
    0F6ioooooo0C3M4I1M1N0`6g3Ooo0_46470b0d0e740goo0f0Ioo1C0:7D7E4A0=0Poo0@6_076`6^6a1@oooo0\oo1Boo0^oo1R78oo777176oo\#
    oo3\1Toooo2X0Aoo0m2aoo2_oo2`oo2Noo1V3=2Koo2\oo2]2=4F2Foo2Doooo2U2L3<3A2b2Y2^oo087@oooo1Y0Koo0J0L0301044Too00026Z\#
    6[6Y0Moooo0O0Noo4@4V1X3K216m6l6noooo09oo0U397:7F0;7A0<oo0B0?0n067;7=7<oooo3Y753[4K4Goo3^3Xoo0Roo0Q3T4L3V3Noooo0X\#
    6j6]3_3Roo2i2h2d2goo2foo2e3H7>2k2j2l2m3Soo3U3W3G481U1?0Zoooooooooooooo496\7C0h6eoooooooo3a1L6f6b6Xoo0k0Y4Q4R4Poo\#
    19oo2W13154N456h704>4?oooo18oo1eoo14164Ooo0l6k0o3Eoooo1>112>oo3?3coo3D3Z0>7Boooo4D3J20oooooo4U7G2628272:2;2529oo\#
    3`oooooooooooo1m1n1k4C1i1h1ooo1j4B1f1g1l4Eoooo2o2n3130oooo17oo4=3C3>3]721Soo1Poo2R2Hoo2Goo2@oo2Ooo2Q1W4<2J2<2?oo\#
    2Eoo2Coo2Aoooo2M3@2Z2Boo057?oo343335323Boo24oooo1:oooooooo36oo371<oooooooooo0[oo794Soooooooo3Q3Poooo0T1A1Doo4;oo\#
    oooo2c1doo1=23oo1[1_1]1\oo1^oooo1E1Goo1Foo2I220]oooooooo2Voo0W2Poo0S1Qoooooo4Joooooooo1Hoooooo0joooo1;oo441Ooo10\#
    12
    """#

  static let mips = #"""
    2<2>2I2X5>0Q0c4H1l290Koooooo262Y5S0Aoo0]2D2C733<3=0<0?3:oo0m5E6E486F476C496G466D1h6c066d2Z5X081o210Y0o573h563ioo\#
    4i6i3joo4o550;5T013f4\6g3noo505@5A251N4[741Ooo4S0g3L2H3U7D7E5L3X2?023[6_3R6`6^6a1\3G4U1T401f0S1M3D3^786V7771764T\#
    224=4foooo4h3;2=3K0boo0aoo0_oo1@oo1Y2[24110D3@101P5Q2ooo2joo1<1=2G2\2]3N1>0Hoo3S7@0P1`204M4L594N3e3b3c5`6P3a3d6Z\#
    6[6Y0f1U1^4k4j1e5Koo4g4J0U6m6l6n0@oo3T094X2^7:7F3V7A3W0e3g3Z0C3Q7;7=7<1[3F3J754<5V5Roo4O3I0W4Q0>4R2J5W2L1J3B1k0E\#
    6j6]4d1m0h4D4C4?4B6S4A6R4@2W7>6B6?6A6@2@oo2K2M1K5C2Voo2m0Roooooooooo055D6\7C4P6e0Moooooo5=286f6b6X0Z583H5\5]5[2l\#
    4^6N30385:5Y5B6h705I5J0\1R4]6M0J3A395;5Z2k236k033O1I1E4Z2A1H2_2`5?6Q2a3k3Y7B0V4W5O4I3moooo0X5_7G323433363137356U\#
    5<oooooooooooo2S2T3`5N2O2Q2U6W3_5M2N2P2R5Poooo6:69oooo6T2b3?3]5G2c2d4>724e4K3loo1i2;oo2:oo0^oo1Aoo1:1X5H0i1Q17oo\#
    2noo2ioo16oo1;122e1?0Goo3P7?146=6<6>6;2f133>0`4m54191n1g182g1V2h4`oooo151Z3E1S3o795^0I0Ooooo1c1Goo1C4Y0T4aoo5Foo\#
    00271d1W2E4b4:0=414544436H426I4n51526J536K0[3\1L3Coooo0j0l0F0d1j0:4V4_oooo1F5Uoooo0n0N4l6L4;oo1_1aoo4c4E1b4F0704\#
    2B
    """#

  static let mips64 = #"""
    oo0F2H0Z4U0D2N3_2J2`0Uoooooooo0`4koooo0<3635731k1l1>1H1Joo2L4\oo3Ooo3Noo3Poo3Moo0g6c036d0Y501C2W2Y0O0P4N3?4M3@oo\#
    4@6i3Aoo4F4L0i4l0j3=436g3Goo4G4W4X1?1I42741Koo3j16oo192i7D7E4c2l170h2o6_2f6`6^6a05oooo27oo18oo1;oo3278oo7771763k\#
    2Z3T4=oooo4?1=1<4d1Zoo1Yoo1Voo1aoo0S0c1g1]0V2^1\294i1foo1doo1O1P1j0b0f2b1N1Too2g7@oooo2X3d3c4P3e3<393:58oo383;6Z\#
    6[6Y0?oooo4B4Aoo4boo4>3a0l6m6l6n1Loo2h1D3o0a7:7F2j7A2koo3>2n082e7;7=7<06oo0K753S4n4joo3f0J1A3h233i2B4o2D09oooo2P\#
    6j6]4;0:oo3[3Z3V3Yoo3Xoo3W0H7>151214130Ioo2C2E0;4Z0R3l2]oooooooooooo024[6\7C3g6e0Qoooooo4T246f6b6X0E4O2G54555307\#
    45oo2I0@4Q514Y6h704`4aoooo44oo1S2_0A4R522[2\6k002coo1G410B2Too0\4Voo0^3B2m7B1@3n4g3`3Eoooo1B577G0=1m0>1o3C201noo\#
    4Soooooooooooo2?2@344f2<2>2Aoo334e2;2=0G4hoooo100n0o3Foooo0Woo4^0]0[3U724<3b3Doo2V1ioo1hoo1Xoo1boo2U0T4_1[2:1`oo\#
    1eoo1coo1_oo2K1^0e2O1Woo2d7?oo0M0N110L0_oo21oo4D4Koooooooo0Xoo0d47oooooo04oo26oo7956oooooooo2S2Roo1F402M48oo4]oo\#
    oo281Q1U37493Qoo3H3L3K3Joo3Ioo4E4H4Ioo4Joo1R301:oooooooo1Moo2Q0m1E3m46oooooo4moooo25224Coo3Roo2Foooo4:3\0k3]oo01\#
    0C
    """#

  static let mips64n32 = #"""
    oo0F2H0Z4Y0D2N3c2J2`0Uoooooooo0`4ooooo0<3635731k1l1>1H1Joo2L4a6E3S6F3R6C3T6G3Q6D0g6c036d0Y541C2W2Y0O0P4R3?4Q3@oo\#
    4D6i3Aoo4J4P0i500j3=476g3Hoo4K4\4]1?1I46741Koo3n163D192i7D7E4h2l170h2o6_2f6`6^6a05oooo273J18oo1;oo32786V7771763o\#
    2Z3X4Aoooo4C1=1<4[1Zoo1Yoo1Voo1aoo0S0c1g1]0V2^1\294m1foo1doo1O1P1j0b0f2b1N1Too2g7@oooo2X3h3g4T3i3<393:5<6P383;6Z\#
    6[6Y0?oooo4F4Eoo4goo4B3e0l6m6l6n1Loo2h1D430a7:7F2j7A2koo3>2n082e7;7=7<06oo0K753W524noo3j0J1A3l233m2B532D09oooo2P\#
    6j6]4?0:oo3_3^3Z3]6S3\6R3[0H7>151214130Ioo2C2E0;4_0R402]oooooooooooo024`6\7C3k6e0Qoooooo4X246f6b6X0E4S2G58595707\#
    496N2I0@4U554^6h704e4foooo486M1S2_0A4V562[2\6k002coo1G450B2Too0\4Z6Q0^3B2m7B1@424k3d3Foooo1B5;7G0=1m0>1o3C201n6U\#
    4Woooooooooooo2?2@344j2<2>2A6W334i2;2=0G4loooo100n0o3G6Too0W3K4c0]0[3Y724@3f3Eoo2V1ioo1hoo1Xoo1boo2U0T4d1[2:1`oo\#
    1eoo1coo1_oo2K1^0e2O1Woo2d7?oo0M0N110L0_oo21oo4H4Ooooooooo0Xoo0d4;oooooo04oo263I795:oooooooo2S2Roo1F442M4<oo4boo\#
    oo281Q1U374=3Uoo3L3P3O3N6H3M6I4I4L4M6J4N6K1R301:oooooooo1Moo2Q0m1E414:oooooo51oooo25224G6L3Voo2Foooo4>3`0k3aoo01\#
    0C
    """#

  static let ppc = #"""
    2<2>2E5:5H0Q0c4=1l290Koooooo26575Y0Aoo0]oooo732g2h0<0?2eoo0m5K6E3g6F3f6C3h6G3e6D1h6c066d585k081o210Y0o4l3\4k3]oo\#
    4_6i3^oo4c4j0;5Z013Z4Z6g3Y3n4e5354251N4Y741Ooo4Q0g3<2D3F7D7E5Q3I2?023L6_3C6`6^6a1\354S1T3m1f0S1M323M786V7771764R\#
    22444[oooo4^2f2=3:0boo0aoo0_oo1@oo1Y5<24110D2k101P5W2Zoo2Uoo1<1=2C5;5D3?1>0Hoo3D7@0P1`204D4C4n4E3W3T3U646P3S3V6Z\#
    6[6Y0f1U1^4B4A1e5R5n4<4?0U6m6l6n0@oo3E094V597:7F3G7A3H0e3[3K0C3B7;7=7<1[343=75435]5Xoo423>0W4O0>4P2F5j2H1J301k0E\#
    6j6]4]1m0h4;4:46496S486R472S7>6B6?6A6@2@392G2I1K5I2Roo2X0R0L1D0k0B1]055J6\7C4N6e0M3836374o286f6b6X0Z4m3;6061622W\#
    4I6N2[2c505l556h705O5P0\1R4H6M0J2l2d515m2V236k032o1I1E4X2A1H5@5A5G6Q5F3_3J7B0V4U5U4>00oooo0X637G2]2_2^2a2\2b2`6U\#
    523ooooooooooo2O2P3O5T2K2M2Q6W3N5S2J2L2N5Voo1B6:69oooo6T5>2j3R5M5E5?45724\oo3Xoo1i2;oo2:oo0^oo1Aoo1:1X5N0i1Q17oo\#
    2Yoo2Too16oo1;125C1?0Goo3A7?146=6<6>6;5B132i0`4a4i191n1g18561V5=4K4G4F151Z331S3l795o0I0O4f3i1c1G5[1C4W0Too4d5L40\#
    oo271d1Woo4L3j0=3`3d3c3b6H3a6Ioo4b4h6J4g6K0[3@1L313Q2n0j0l0F0d1j0:4T4Joooo1F5\oooo0n0N4`6L3k2m1_1aoo4Moo1b4@0704\#
    2B
    """#

  static let ppc64 = #"""
    2<2>2E5:5H0Q0c4=1l290Koooooo26575Y0Aoo0]oooo732g2h0<0?2eoo0m5Koo3goo3foo3hoo3eoo1h6c066d585k081o210Y0o4l3\4k3]oo\#
    4_6i3^oo4c4j0;5Z013Z4Z6g3Yoo4e5354251N4Y741Ooo4Q0goo2D3F7D7E5Q3I2?023L6_3C6`6^6a1\oooo1T3m1f0S1Moo3M78oo7771764R\#
    22444[oooo4^2f2=3:0boo0aoo0_oo1@oo1Y5<24110D2k101P5W2Zoo2Uoo1<1=2C5;5D3?1>0Hoo3D7@0P1`204D4C4n4E3W3T3U64oo3S3V6Z\#
    6[6Y0f1U1^4B4A1e5R5n4<4?0U6m6l6n0@oo3E094V597:7F3G7A3H0e3[3K0C3B7;7=7<1[oo3=75435]5Xoo423>0W4O0>4P2F5j2H1Joo1k0E\#
    6j6]4]1m0h4;4:4649oo48oo472S7>6B6?6A6@2@392G2I1K5I2R4S2X0R0L1D0k0B1]055J6\7C4N6e0M3836374o286f6b6X0Z4m3;6061622W\#
    4Ioo2[2c505l556h705O5P0\1R4Hoo0J2l2d515m2V236k032o1I1E4X2A1H5@5A5Goo5F3_3J7B0V4U5U4>00oooo0X637G2]2_2^2a2\2b2`oo\#
    523ooooooooooo2O2P3O5T2K2M2Qoo3N5S2J2L2N5Voo1B6:69oo68oo5>2joo5M5E5?45724\oo3Xoo1i2;oo2:oo0^oo1Aoo1:1X5N0i1Q17oo\#
    2Yoo2Too16oo1;125C1?0Goo3A7?146=6<6>6;5B132i0`4a4i191n1g18561V5=4K4G4F151Zoo1S3l795o0I0O4f3i1c1G5[1C4W0Too4d5L40\#
    oo271d1Woo4L3j0=3`3d3c3boo3aoooo4b4hoo4goo0[3@1Loo3Q2n0j0l0F0d1j0:4T4Joooo1F5\oooo0n0N4`oo3k2m1_1aoo4Moo1b4@0704\#
    2B
    """#

  static let s390 = #"""
    2<2>2Eoo5\0Q0c4F1l290Koooooo265Y5Ooooo0]oooo732h2i0<0?2f3D0m5A6E456F446C466G436D1h6c066d5Z5g081o210Y0o563i573joo\#
    4h6i3koo4n530;5R013h4\6g3m484j5<5=251N4[741O3?4S0g3M2D3U7D7E5H3X2?023[6_3R6`6^6a1\354U1T4:1foo1M323^786V7771764T\#
    224=4aoooo4g2g2=3L0b3:0a390_381@3=1Y5`24110D2l101P5M2[3C2U3A1<1=2C5_5]3\1>0H373S7@oo1`204M4L544N3g3d3e5n6P3c3f6Z\#
    6[6Y0f1Uoo4K4J1e5G5m4E4H0U6m6l6n0@363T094X5[7:7F3V7A3Woo1^3Z0C3Q7;7=7<1[343K754<5T5N6o4O3J0W4Q0>4R2F5f2H1J30oo0E\#
    6j6]4f1moo4D4C4?4B6S4A6R4@2S7>6B6?6A6@2@oo2G2I1K5?2Roo2Y0Roooooooooo055@6\7C4P6e0Moooooo5;286f6b6X0Z553I6162602X\#
    4^6N2\2d585h5>6h705D5Eoooo4]6M0J2m2e595i2W236k033N1I1E4Z2A1Hoo5c5U6Q5d4;3Y7B0V4W5K4G07oooo0X5o7G2^2`2_2b2]2c2a6U\#
    5:oo5j5Q5P5F5l2O2P3`5J2K2M2Q6W3_5I2J2L2N5Loooo6:69oooo6Too2k3O5V5b5a4>724`oo3loo1i2;3H2:3G0^3F1A3>1:1X5C0i1Q173<\#
    2Z3B2T3@163;1;125^1?0G3E3P7?oo6=6<6>6;5e132j0`4l52191n1g185W1V5X4boooooo1Z331S49795k0Ioooooo1c1Goo1C4Y0T4coo5Boo\#
    oo271d1Woo4d3a0=3n4241406H3o6I4m4o516J506K0[3]1L31oo2ooo0l0F0d1j0:4V4_oooo1F5Soooo0n0N4k6L4i2n1_oooo4eoo1b4Ioo04\#
    2B
    """#

  static let s390x = #"""
    oooo2Eoo5\0Q0c4F1l290Koooooo265Y5Ooooo0]oooo732h2i0<0?3Doo0m5Aoo45oo44oo46oo43oo1h6c066d5Z5g081o210Y0o563i573joo\#
    4h6i3koo4n530;5R013h4\6g3moo4j5<5=251N4[743?oo4S0goo2D3U7D7E5H3X2?023[6_3R6`6^6a1\oooo1T4:1foo1Moo3^78oo7771764T\#
    224=4aoooo4g2g2=3L3:oo39oo38oo3=oo1Y5`24110D2l101P5M3Coo3Aoo2o1=2C5_5]3\1>37oo3S7@oo1`204M4L544N3g3d3e5noo3c3f6Z\#
    6[6Y0foooo4K4J1e5G5m4E4H0U6m6l6n36oo3T094X5[7:7F3V7A3Woo1^3Z0C3Q7;7=7<1[oo3K754<5T5N6o4O3J0W4Q0>4R2F5f2H1Joooo0E\#
    6j6]4f1moo4D4C4?4Boo4Aoo4@2S7>6B6?6A6@2@oo2G2I1K5?2R4U2Y0Roooooooooo055@6\7C4P6e0Moooooo5;286f6b6X0Z553I6162602X\#
    4^oo2\2d585h5>6h705D5Eoooo4]oo0J2m2e595i2W236k033N1I1E4Z2A1Hoo5c5Uoo5d4;3Y7B0V4W5K4G07oooo0X5o7G2^2`2_2b2]2c2aoo\#
    5:oo5j5Q5P5F5l2O2P3`5J2K2M2Qoo3_5I2J2L2N5Loo2>6:69oo68oooo2koo5V5b5a4>724`oo3loo1i3Hoo3Goo3Foo3>oo1:1X5C0i1Q3<oo\#
    3Boo3@oo3;oo1;125^1?3Eoo3P7?oo6=6<6>6;5e132j0`4l52191n1g185W1V5X4boooooo1Zoo1S49795koooooooo1c1Goo1C4Y0T4coo5Boo\#
    oo271d1Woo4d3aoo3n424140oo3ooo4m4o51oo50oo0[3]1Loooooooo0l0F0d1j0:4V4_oooo1F5Soooo0n0N4koo4i2n1_oooo4eoo1b4Ioo04\#
    2B
    """#
}
