export class ViewChannel {}
