export class ViewNumber {}
