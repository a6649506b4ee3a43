// One random history: brokers, producers, uploads, commits, flushes, collection, crashes and restores, in any order that the
// real world could bring them. Time is the number of steps. How often what happens is itself drawn from the seed, so that some
// histories are all failures and some hardly any. At the end comes the worst day: a restore, and every producer sends again.

import type { ModelObject, Send } from './batch-model.ts';
import { BrokerModel, leaseSteps, type Put } from './broker-model.ts';
import { BucketModel } from './bucket-model.ts';
import { Dice } from './dice.ts';
import { checkHistory } from './history-checker.ts';
import { HistoryModel } from './history-model.ts';
import { type Commit, LeaderModel } from './leader-model.ts';
import { emptyState, LogModel } from './log-model.ts';
import { MetastoreModel } from './metastore-model.ts';
import { ProducerModel } from './producer-model.ts';
import { RestoreRun } from './restore-model.ts';
import type { Rules } from './rules.ts';

const brokersMax = 4;
const restoresMax = 3;

export class WorldModel {
  readonly #rules: Rules;
  readonly #dice: Dice;
  readonly #partitions: number;
  readonly #bucket: BucketModel;
  readonly #history: HistoryModel;
  readonly #producers: ProducerModel[] = [];
  /** The logs of every incarnation that has served, the present one last. */
  readonly #incarnations: LogModel[][];
  #servingIncarnation = 1;
  #metastore: MetastoreModel;
  #brokers: BrokerModel[] = [];
  #restores: RestoreRun[] = [];
  #now = 0;
  #clusterEpoch = 1;
  #payloads = 0;
  #objects = 0;
  #restoresBegun = 0;
  /** Uploads that their broker has given up, or had answered, and that may still arrive. */
  readonly #latePuts: ModelObject[] = [];
  readonly #tries: Commit[] = [];
  readonly #lateTries: Commit[] = [];
  readonly #trouble: { readonly put: number; readonly commit: number };

  constructor(seed: number, rules: Rules) {
    this.#rules = rules;
    this.#dice = new Dice(seed);
    this.#partitions = 1 + this.#dice.below(3);
    this.#bucket = new BucketModel(this.#partitions);
    this.#history = new HistoryModel(this.#partitions);
    const logs = Array.from({ length: this.#partitions }, () => new LogModel(emptyState, 0, 0));
    this.#incarnations = [logs];
    this.#metastore = new MetastoreModel(this.#bucket, logs, rules);
    for (let partition = 0; partition < this.#partitions; partition++) {
      this.#producers.push(new ProducerModel(partition, -1));
      for (let n = this.#dice.below(2); n >= 0; n--)
        this.#producers.push(new ProducerModel(partition, partition * 10 + n));
    }
    const levels = [0, 0.05, 0.15, 0.35];
    this.#trouble = { put: this.#dice.pick(levels)!, commit: this.#dice.pick(levels)! };
  }

  run(steps: number): void {
    const actions = this.#actions();
    const often = [0.3, 1, 1, 3];
    const weights = actions.map(([weight]) => weight * this.#dice.pick(often)!);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (let partition = 0; partition < this.#partitions; partition++) this.#open(partition);
    for (let step = 0; step < steps; step++) {
      this.#now++;
      actions[this.#dice.weighted(weights, total)]![1]();
    }
    this.#check();
    this.#worstDay();
  }

  #actions(): [number, () => void][] {
    return [
      [90, () => this.#sendNew()],
      [20, () => this.#sendAgain()],
      [6, () => this.#restart()],
      [0.5, () => this.#dice.pick(this.#producers.filter(({ id }) => id >= 0))?.startOver()],
      [35, () => this.#seal()],
      [40, () => this.#settlePut()],
      [6, () => this.#landLatePut()],
      [30, () => this.#startCommit()],
      [35, () => this.#settleTry()],
      [4, () => this.#landLateTry()],
      [5, () => this.#open(this.#dice.below(this.#partitions))],
      [0.7, () => this.#dice.pick(this.#brokers)?.stop()],
      [30, () => this.#confirm()],
      [6, () => this.#answerConfirmation()],
      [
        8,
        () => this.#metastoreStep((metastore) => metastore.reconcile(this.#dice.below(this.#partitions), this.#dice)),
      ],
      [4, () => this.#metastoreStep((metastore) => metastore.flush())],
      [10, () => this.#metastoreStep((metastore) => metastore.trim(this.#dice.below(this.#partitions)))],
      [4, () => this.#clusterEpoch++],
      [4, () => this.#refreshEpoch()],
      [3, () => this.#metastoreStep((metastore) => metastore.collect(this.#clusterEpoch, this.#dice))],
      [6, () => this.#metastore.deleteOne(this.#dice)],
      [1, () => this.#metastore.publish()],
      [0.6, () => this.#beginRestore()],
      [15, () => this.#stepRestore(this.#dice.pick(this.#restores))],
      [1, () => this.#view()],
      [1, () => this.#check()],
    ];
  }

  // producers

  #sendNew(): void {
    const send = this.#dice.pick(this.#producers)!.next(++this.#payloads, 1 + this.#dice.below(3), this.#history);
    if (send !== undefined) this.#deliver(send);
  }

  #sendAgain(): void {
    const producer = this.#dice.pick(this.#producers)!;
    if (producer.id < 0) return;
    const unanswered = producer.unanswered(this.#history);
    // Mostly what it waits for, in order; sometimes an old copy that the network kept.
    if (unanswered.length > 0 && this.#dice.chance(0.7)) {
      for (const send of unanswered.slice(0, 1 + this.#dice.below(unanswered.length))) this.#deliver(send);
    } else {
      const send = this.#dice.pick(producer.sent);
      if (send !== undefined) this.#deliver(send);
    }
  }

  #deliver(send: Send): void {
    const leaders = this.#leaders(send.partition);
    const newest = leaders.reduce<LeaderModel | undefined>(newer, undefined);
    const leader = this.#dice.chance(0.8) ? newest : this.#dice.pick(leaders);
    const item = leader?.stage(send);
    if (item !== undefined) this.#brokerOf(leader!)!.buffer.push(item);
  }

  // uploads

  #seal(): void {
    const broker = this.#dice.pick(this.#brokers.filter(({ buffer }) => buffer.length > 0));
    if (broker === undefined) return;
    // Without the rule ownership is confirmed too early: when the PUT begins.
    if (!this.#rules.confirmOwnershipAfterPut && !broker.ownsAt(this.#now)) return;
    const only = this.#dice.chance(0.3) ? this.#dice.below(this.#partitions) : undefined;
    const dropsFailed = this.#dice.chance(0.5);
    if (dropsFailed) broker.buffer = broker.buffer.filter((item) => item.leader.staged.includes(item));
    broker.seal(++this.#objects, (item) => only === undefined || item.leader.partition === only);
  }

  #settlePut(): void {
    const puts = this.#brokers.flatMap((broker) => broker.puts.map((put): [BrokerModel, Put] => [broker, put]));
    const [broker, put] = this.#dice.pick(puts) ?? [];
    if (broker === undefined || put === undefined) return;
    const failed = this.#dice.chance(this.#trouble.put);
    const arrives = failed ? this.#dice.pick(['now', 'late', 'never'])! : 'now';
    const again = this.#dice.chance(0.1);
    if (arrives === 'now') this.#bucket.objects.set(put.object.id, put.object);
    if (arrives === 'late' || again) this.#latePuts.push(put.object);
    broker.settlePut(put, !failed);
  }

  #landLatePut(): void {
    const object = this.#dice.take(this.#latePuts);
    if (object !== undefined) this.#bucket.objects.set(object.id, object);
  }

  // commits

  #startCommit(): void {
    const hasReady = (leader: LeaderModel) => leader.commit === undefined && leader.readyToCommit(1).length > 0;
    const broker = this.#dice.pick(this.#brokers.filter(({ leaders }) => leaders.values().some(hasReady)));
    if (broker === undefined) return;
    if (this.#rules.confirmOwnershipAfterPut && !broker.ownsAt(this.#now)) return;
    for (const leader of broker.leaders.values()) {
      if (leader.closed || leader.commit !== undefined || this.#dice.chance(0.3)) continue;
      const ready = leader.readyToCommit(1 + this.#dice.below(4));
      if (ready.length > 0) this.#tries.push(leader.startCommit(ready));
    }
  }

  #settleTry(): void {
    const commit = this.#dice.take(this.#tries);
    if (commit === undefined) return;
    const answers = () => commit.leader.commit === commit;
    if (!this.#dice.chance(this.#trouble.commit)) {
      const answer = land(commit, this.#rules);
      if (answers()) commit.leader.finishCommit(answer);
      return;
    }
    const trouble = this.#dice.pick(['refused', 'lands', 'late', 'never'])!;
    if (trouble === 'refused') {
      if (answers()) commit.leader.finishCommit('refused');
      return;
    }
    if (trouble === 'lands') land(commit, this.#rules);
    if (trouble === 'late') this.#lateTries.push(commit);
    if (!answers()) return;
    commit.anyUnknown = true;
    if (commit.tries < 3 && this.#dice.chance(0.5)) {
      commit.tries++;
      this.#tries.push(commit);
    } else {
      commit.leader.finishCommit('unknown');
    }
  }

  #landLateTry(): void {
    const commit = this.#dice.take(this.#lateTries);
    if (commit !== undefined) land(commit, this.#rules);
  }

  // leaders and brokers

  #open(partition: number): void {
    const logs = this.#incarnations.at(-1)!;
    let broker = this.#dice.pick(this.#brokers.filter(({ alive }) => alive));
    if (broker === undefined || (this.#brokers.length < brokersMax && this.#dice.chance(0.15)))
      broker = this.#startBroker();
    if (broker === undefined) return;
    const zombie = broker.incarnation !== this.#servingIncarnation;
    const log = zombie ? broker.leaders.get(partition)?.log : logs[partition];
    if (log === undefined) return;
    broker.leaders.get(partition)?.close();
    broker.leaders.set(partition, new LeaderModel(partition, broker.incarnation, log, this.#rules, this.#history));
  }

  /** Where no broker of the serving incarnation is left, one starts and opens everything. */
  #restart(): void {
    if (this.#brokers.some(({ alive, incarnation }) => alive && incarnation === this.#servingIncarnation)) return;
    const broker = this.#startBroker();
    if (broker !== undefined) this.#openAll(broker);
  }

  #openAll(broker: BrokerModel): void {
    for (const [partition, log] of this.#incarnations.at(-1)!.entries()) {
      const leader = new LeaderModel(partition, broker.incarnation, log, this.#rules, this.#history);
      broker.leaders.set(partition, leader);
    }
  }

  /** A start reads OWNER: only the incarnation that owns the bucket may start. */
  #startBroker(): BrokerModel | undefined {
    if (this.#bucket.ownerIncarnation !== this.#servingIncarnation) return undefined;
    this.#brokers = this.#brokers.filter(({ alive, puts }) => alive || puts.length > 0);
    const broker = new BrokerModel(this.#servingIncarnation, this.#now, this.#clusterEpoch);
    this.#brokers.push(broker);
    return broker;
  }

  #confirm(): void {
    const broker = this.#dice.pick(this.#brokers.filter(({ alive }) => alive));
    if (broker === undefined) return;
    broker.confirmations.push({ startedAt: this.#now, owner: this.#bucket.ownerIncarnation });
    if (this.#dice.chance(0.6)) this.#answerConfirmation(broker);
  }

  #answerConfirmation(broker = this.#dice.pick(this.#brokers)): void {
    const confirmation = this.#dice.take(broker?.confirmations ?? []);
    if (broker === undefined || confirmation === undefined) return;
    if (confirmation.owner !== broker.incarnation) {
      broker.stop();
      return;
    }
    const at = this.#rules.confirmationCountsFromStart ? confirmation.startedAt : this.#now;
    broker.confirmedAt = Math.max(broker.confirmedAt, at);
  }

  #refreshEpoch(): void {
    const broker = this.#dice.pick(this.#brokers);
    if (broker !== undefined) broker.cachedEpoch = this.#clusterEpoch;
  }

  /** The metastore's and the collector's work is done by some broker that owns the cluster. */
  #metastoreStep(work: (metastore: MetastoreModel) => void): void {
    const owns = (broker: BrokerModel) => broker.incarnation === this.#servingIncarnation && broker.ownsAt(this.#now);
    if (this.#brokers.some(owns)) work(this.#metastore);
  }

  #leaders(partition: number): LeaderModel[] {
    return this.#brokers.flatMap(({ leaders }) => leaders.get(partition) ?? []).filter(({ closed }) => !closed);
  }

  #brokerOf(leader: LeaderModel): BrokerModel | undefined {
    return this.#brokers.find(({ leaders }) => leaders.get(leader.partition) === leader);
  }

  // restores

  #beginRestore(): void {
    if (this.#restoresBegun >= restoresMax) return;
    this.#restoresBegun++;
    for (const broker of this.#brokers) if (this.#dice.chance(0.5)) broker.stop();
    const incarnation = ++this.#bucket.ownerIncarnation;
    const runs = this.#dice.chance(0.3) ? 2 : 1;
    for (let run = 0; run < runs; run++) this.#restores.push(new RestoreRun(incarnation, this.#now, this.#rules));
  }

  #stepRestore(run: RestoreRun | undefined): void {
    if (run === undefined) return;
    if (run.incarnation !== this.#bucket.ownerIncarnation) {
      this.#restores = this.#restores.filter((other) => other !== run);
      return;
    }
    const logs = run.step(this.#now, this.#bucket, this.#rules);
    if (logs === undefined) return;
    this.#restores = this.#restores.filter((other) => other !== run);
    if (run.incarnation === this.#servingIncarnation) return;
    this.#servingIncarnation = run.incarnation;
    this.#incarnations.push(logs);
    this.#metastore = new MetastoreModel(this.#bucket, logs, this.#rules, this.#metastore);
    this.#clusterEpoch += 2;
    this.#openAll(this.#startBroker()!);
    this.#check();
  }

  /** A read-only view of the cluster from its bucket, at any instant. */
  #view(): void {
    for (let partition = 0; partition < this.#partitions; partition++) {
      const end = this.#bucket.committedEndSeen(partition);
      for (const batch of this.#bucket.salvage(partition, this.#rules).chain) {
        if (this.#rules.viewBelowCommittedEnd && batch.lastOffset >= end) break;
        this.#history.serve(batch);
      }
    }
  }

  #check(): void {
    checkHistory(this.#bucket, this.#history, this.#incarnations, this.#rules);
  }

  /** Everything that may still arrive does or does not; the cluster is restored; all that waits is sent again; all goes well. */
  #worstDay(): void {
    while (this.#latePuts.length > 0 && this.#dice.chance(0.8)) this.#landLatePut();
    while (this.#lateTries.length > 0 && this.#dice.chance(0.8)) this.#landLateTry();
    this.#check();
    const run = new RestoreRun(++this.#bucket.ownerIncarnation, this.#now, this.#rules);
    this.#now += leaseSteps + 2;
    while (this.#servingIncarnation !== run.incarnation) this.#stepRestore(run);
    const broker = this.#brokers.at(-1)!;
    for (const producer of this.#producers) {
      for (const send of producer.unanswered(this.#history)) {
        const item = broker.leaders.get(send.partition)!.stage(send);
        if (item !== undefined) broker.buffer.push(item);
      }
    }
    const put = broker.seal(++this.#objects, () => true);
    if (put !== undefined) {
      this.#bucket.objects.set(put.object.id, put.object);
      broker.settlePut(put, true);
    }
    for (const leader of broker.leaders.values()) {
      const ready = leader.readyToCommit(1);
      if (ready.length > 0) leader.finishCommit(land(leader.startCommit(ready), this.#rules));
    }
    while (this.#latePuts.length > 0) this.#landLatePut();
    while (this.#metastore.deleteOne(this.#dice)) {}
    this.#check();
  }
}

function land(commit: Commit, rules: Rules): 'committed' | 'fenced' | 'refused' {
  const { leader, items, expectedEnd } = commit;
  return leader.log.append(
    leader.term,
    expectedEnd,
    items.map(({ batch }) => batch),
    rules,
  );
}

function newer(a: LeaderModel | undefined, b: LeaderModel): LeaderModel {
  if (a === undefined) return b;
  return a.incarnation > b.incarnation || (a.incarnation === b.incarnation && a.term >= b.term) ? a : b;
}
